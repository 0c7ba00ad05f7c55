import { type Env, toDatabaseConfig, toMasterKeyConfig } from "../config.ts";
import { ConfigError } from "../config-values.ts";
import { rewrapAll } from "../identity/rewrap.ts";
import { createSecrets, type Secrets } from "../identity/secrets.ts";
import { type Db, openDb } from "../identity/store/db.ts";
import { assertSchema } from "../identity/store/migrate.ts";
import { createSealedValueStore } from "../identity/store/sealed-values.ts";
import type { Logger } from "../log.ts";

interface CommandDeps {
  db: Db;
  secrets: Secrets;
  log: Logger;
}

/** What an operator may ask for, by its words. */
const COMMANDS: Readonly<Record<string, (deps: CommandDeps) => Promise<void>>> = {
  "keys rewrap": async ({ db, secrets, log }) => {
    const values = await rewrapAll(createSealedValueStore(db), secrets);
    log.info({ event: "rewrapped", under: secrets.sealingKid, values });
  },
};

/** Runs one command on the database of DATABASE_URL. */
export async function runCommand(env: Env, log: Logger, words: readonly string[]): Promise<void> {
  const name = words.join(" ");
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) throw new ConfigError(`the command is one of: ${Object.keys(COMMANDS).join(", ")}`);
  await using opened = new AsyncDisposableStack();
  const secrets = createSecrets(toMasterKeyConfig(env));
  const db = opened.adopt(openDb(toDatabaseConfig(env)), (it) => it.close());
  await assertSchema(db);
  await command({ db, secrets, log });
}
