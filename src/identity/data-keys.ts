import { randomBytes } from "node:crypto";
import { ConfigError } from "../config-values.ts";
import type { Secrets } from "./secrets.ts";
import type { DataKeyStore } from "./store/data-keys.ts";

/** What keyed hashes are made for. */
export type DataKeyName = "phone_index" | "refresh_token";

/**
 * The key of one kind of keyed hash: made once and kept encrypted. Unlike MASTER_KEYS it cannot be
 * exchanged, as nothing that was hashed with it would be found again.
 */
export async function openDataKey(
  store: DataKeyStore,
  secrets: Secrets,
  name: DataKeyName,
): Promise<Buffer> {
  const place = placeOfDataKey(name);
  const sealed = await store.findOrAdd(
    name,
    secrets.seal(randomBytes(32).toString("base64"), place),
  );
  try {
    return Buffer.from(secrets.open(sealed, place), "base64");
  } catch {
    throw new ConfigError(
      `MASTER_KEYS does not open the key ${name} in the database: a key is missing from it`,
    );
  }
}

export function placeOfDataKey(name: string): string {
  return `data_keys:${name}`;
}
