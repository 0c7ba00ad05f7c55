import { Pool } from "undici";
import { runLoad } from "./load.ts";
import type { ServerProcess } from "./processes.ts";

/** So many people log in, in turns. */
export const PEOPLE = 200;

const CONNECTIONS = 16;

/** Fetches login codes. */
export type CodeSource = (count: number) => Promise<string[]>;

/** Names the person behind a code. */
export type NamePerson = (index: number) => string;

const inTurns: NamePerson = (index) => `person-${index % PEOPLE}`;

/** Each is somebody who was never here. */
export function neverSeen(): NamePerson {
  let seen = 0;
  return () => `new-${seen++}`;
}

/** Login codes of the simulator: of PEOPLE in turns, unless somebody else is named. */
export function createCodeSource(
  opened: AsyncDisposableStack,
  { wechat, appId }: { wechat: ServerProcess; appId: string },
  name: NamePerson = inTurns,
): CodeSource {
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
