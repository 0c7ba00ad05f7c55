import { createHmac, randomBytes } from "node:crypto";
import { ConfigError } from "../config-values.ts";
import type { UserId } from "./ids.ts";
import type { Secrets } from "./secrets.ts";
import type { DataKeyStore } from "./store/data-keys.ts";

/** A phone number as E.164 writes it: `+`, country code, number. */
export interface PhoneNumber {
  countryCode: string;
  number: string;
}

/** What is stored of a phone number. */
export interface StoredPhone {
  phoneSealed: string;
  phoneIndex: string;
  phoneMasked: string;
}

/** Phone numbers at rest: encrypted, and found by a keyed hash. */
export interface Phones {
  toStored(phone: PhoneNumber, userId: UserId): StoredPhone;
  /** The whole number, as E.164 writes it. */
  open(phoneSealed: string, userId: UserId): string;
  indexOf(e164: string): string;
}

/**
 * The key of the index is made once and kept encrypted: unlike MASTER_KEYS it cannot be exchanged,
 * as every number would have to be hashed again.
 */
export async function openPhones(store: DataKeyStore, secrets: Secrets): Promise<Phones> {
  const place = "data_keys:phone_index";
  const fresh = secrets.seal(randomBytes(32).toString("base64"), place);
  const key = openKey(secrets, await store.findOrAdd("phone_index", fresh), place);
  const indexOf = (e164: string) => createHmac("sha256", key).update(e164).digest("base64url");
  return {
    toStored: (phone, userId) => {
      const e164 = `+${phone.countryCode}${phone.number}`;
      return {
        phoneSealed: secrets.seal(e164, placeOf(userId)),
        phoneIndex: indexOf(e164),
        phoneMasked: mask(phone),
      };
    },
    open: (phoneSealed, userId) => secrets.open(phoneSealed, placeOf(userId)),
    indexOf,
  };
}

function openKey(secrets: Secrets, sealed: string, place: string): Buffer {
  try {
    return Buffer.from(secrets.open(sealed, place), "base64");
  } catch {
    throw new ConfigError("MASTER_KEYS does not open the key of the phone numbers: one is missing");
  }
}

/** `138****8000`; a number from abroad with its country code. */
function mask({ countryCode, number }: PhoneNumber): string {
  const end = number.slice(number.length < 8 ? -2 : -4);
  const hidden = `${number.slice(0, Math.max(0, number.length - 8))}****${end}`;
  return countryCode === "86" ? hidden : `+${countryCode} ${hidden}`;
}

function placeOf(userId: UserId): string {
  return `users.phone:${userId}`;
}
