import type { Health } from "./ops-server.ts";
import type { Running } from "./roles.ts";

/** What the primary tells a worker. */
export interface Order {
  order: "health" | "reload" | "leave" | "stop";
  /** Comes back with the answer to `health` and `reload`; 0 where none is waited for. */
  id: number;
}

/** What a worker answers. */
export interface Answer {
  answer: number;
  health?: Health;
  /** The name of the error. */
  failed?: string;
}

/** What a worker says once, when it takes calls. */
export interface Ready {
  addresses: Record<string, string>;
}

/** Others speak over the same channel too: node:cluster, and the metrics. */
export function isReady(message: unknown): message is Ready {
  return typeof message === "object" && message !== null && "addresses" in message;
}

export function isAnswer(message: unknown, id: number): message is Answer {
  return (message as Partial<Answer> | null)?.answer === id;
}

/**
 * Says that this worker is ready, and does what the primary tells; resolves when that is to stop. (When
 * the primary is gone, node:cluster ends the process.)
 */
export function workUntilStopped({ addresses, ops, reload, leave }: Running): Promise<void> {
  const send = (message: Ready | Answer) => process.send?.(message);
  const answer = async (id: number, work: () => Promise<Omit<Answer, "answer">>) => {
    const failed = (error: Error) => ({ failed: error.name });
    send({ answer: id, ...(await work().catch(failed)) });
  };
  return new Promise((resolve) => {
    process.on("message", ({ order, id }: Partial<Order>) => {
      switch (order) {
        case "health":
          return answer(Number(id), async () => (ops ? { health: await ops.health() } : {}));
        case "reload":
          return answer(Number(id), async () => {
            await reload?.();
            return {};
          });
        case "leave":
          return leave?.();
        case "stop":
          return resolve();
        default:
          return undefined;
      }
    });
    send({ addresses });
  });
}

/** A terminal sends its signals to the workers as well; what is to be done, the primary says. */
export function leaveSignalsToPrimary(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"] as const) {
    process.on(signal, () => {});
  }
}
