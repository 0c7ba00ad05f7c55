import { Pool } from "undici";
import { runLoad } from "./load.ts";
import type { Stage } from "./stage.ts";

/** So many people log in, in turns. */
export const PEOPLE = 200;

const CONNECTIONS = 16;

/** Fetches login codes. */
export type CodeSource = (count: number) => Promise<string[]>;

/** Login codes of the simulator: of PEOPLE in turns, or each of somebody who was never here. */
export function createCodeSource(
  opened: AsyncDisposableStack,
  { servers: { wechat }, appId }: Stage,
  who: "known" | "new" = "known",
): CodeSource {
  let newPeople = 0;
  const name = (index: number) =>
    who === "known" ? `person-${index % PEOPLE}` : `new-${newPeople++}`;
  const pool = opened.adopt(
    new Pool(`http://${wechat.addresses.http}`, {
      connections: CONNECTIONS,
      headersTimeout: 5_000,
    }),
    (it) => it.destroy(),
  );
  return async (count) => {
    const people = Array.from({ length: count }, (_, index) => name(index));
    const codes: string[] = [];
    const fetchCode = async (person: string) => {
      const path = `/simulator/code?person=${person}&appid=${appId}`;
      const { statusCode, body } = await pool.request({ method: "GET", path });
      const text = await body.text();
      if (statusCode !== 200) throw new Error(`the simulator gives no code: ${text}`);
      codes.push(text);
    };
    // Ends before the codes do: they live for 5 minutes.
    const signal = AbortSignal.timeout(60_000);
    await runLoad(fetchCode, people, { concurrency: CONNECTIONS, signal });
    return codes;
  };
}
