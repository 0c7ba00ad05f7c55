import { BulkheadRejectedError, bulkhead } from "cockatiel";
import { GatewayError } from "./errors.ts";

/** Lets so many work at a time, and so many wait; whoever is one too many is refused with OVERLOADED. */
export function createRoom(size: number, waiting = 0): <T>(work: () => Promise<T>) => Promise<T> {
  const room = bulkhead(size, waiting);
  return async (work) => {
    try {
      return await room.execute(work);
    } catch (error) {
      if (!(error instanceof BulkheadRejectedError)) throw error;
      throw new GatewayError("OVERLOADED", { retryAfterSeconds: 1 });
    }
  };
}
