import { randomBytes } from "node:crypto";
import postgres from "postgres";

export interface TestDatabase extends AsyncDisposable {
  name: string;
  url: string;
}

/** A database of the test's own, empty or a copy of `template`; dropped when disposed. */
export async function createDatabase(serverUrl: string, template?: string): Promise<TestDatabase> {
  const name = `mini_identity_test_${randomBytes(6).toString("hex")}`;
  await run(serverUrl, `create database ${name} template ${template ?? "template0"}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return {
    name,
    url: url.href,
    [Symbol.asyncDispose]: () => run(serverUrl, `drop database ${name} with (force)`),
  };
}

async function run(url: string, statement: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  await sql.unsafe(statement).finally(() => sql.end());
}
