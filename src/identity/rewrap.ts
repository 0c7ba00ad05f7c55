import { ConfigError } from "../config-values.ts";
import { placeOfDataKey } from "./data-keys.ts";
import type { UserId } from "./ids.ts";
import { placeOfSigningKey } from "./keys.ts";
import { placeOfPhone } from "./phones.ts";
import type { Secrets } from "./secrets.ts";
import type { SealedValue, SealedValueStore } from "./store/sealed-values.ts";

const BATCH_SIZE = 200;

/** Refuses MASTER_KEYS that lack a key which something in the database is encrypted under. */
export async function assertMasterKeys(values: SealedValueStore, secrets: Secrets): Promise<void> {
  const missing = (await values.masterKids()).filter((kid) => !secrets.kids.includes(kid));
  if (missing.length === 0) return;
  throw new ConfigError(
    `MASTER_KEYS lacks the key ${missing.join(", ")} that data in the database is encrypted under`,
  );
}

/** Encrypts everything under the first of MASTER_KEYS; tells how many values were under others. */
export async function rewrapAll(values: SealedValueStore, secrets: Secrets): Promise<number> {
  await assertMasterKeys(values, secrets);
  let count = 0;
  for (;;) {
    const batch = await values.notUnder(secrets.sealingKid, BATCH_SIZE);
    if (batch.length === 0) return count;
    for (const value of batch) {
      const place = placeOf(value);
      const fresh = secrets.seal(secrets.open(value.sealed, place), place);
      if (await values.replace(value, fresh)) count++;
    }
  }
}

function placeOf({ kind, id }: SealedValue): string {
  switch (kind) {
    case "signing_key":
      return placeOfSigningKey(id);
    case "data_key":
      return placeOfDataKey(id);
    case "phone":
      return placeOfPhone(Number(id) as UserId);
  }
}
