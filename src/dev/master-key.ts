import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { keptSecret } from "./kept-secret.ts";

/** A MASTER_KEYS value made once for this data folder: what was encrypted stays readable. */
export function developmentMasterKeys(dataDir: string): string {
  return keptSecret(
    join(dataDir, "master-keys"),
    () => `dev:${randomBytes(32).toString("base64")}`,
  );
}
