import { createHmac } from "node:crypto";
import type { UserId } from "./ids.ts";
import type { Secrets } from "./secrets.ts";

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
  /** The same number for another user: what is sealed is bound to whose it is. */
  move(phoneSealed: string, from: UserId, to: UserId): string;
  indexOf(e164: string): string;
}

/** Whether it is a number as E.164 writes it. */
export function isE164(text: string): boolean {
  return /^\+[1-9]\d{4,18}$/.test(text);
}

/** The numbers are found by a hash with the key `phone_index`. */
export function createPhones(key: Buffer, secrets: Secrets): Phones {
  const indexOf = (e164: string) => createHmac("sha256", key).update(e164).digest("base64url");
  const open = (sealed: string, userId: UserId) => secrets.open(sealed, placeOfPhone(userId));
  return {
    toStored: (phone, userId) => {
      const e164 = `+${phone.countryCode}${phone.number}`;
      return {
        phoneSealed: secrets.seal(e164, placeOfPhone(userId)),
        phoneIndex: indexOf(e164),
        phoneMasked: mask(phone),
      };
    },
    open,
    move: (phoneSealed, from, to) => secrets.seal(open(phoneSealed, from), placeOfPhone(to)),
    indexOf,
  };
}

/** `138****8000`; a number from abroad with its country code. */
function mask({ countryCode, number }: PhoneNumber): string {
  const end = number.slice(number.length < 8 ? -2 : -4);
  const hidden = `${number.slice(0, Math.max(0, number.length - 8))}****${end}`;
  return countryCode === "86" ? hidden : `+${countryCode} ${hidden}`;
}

export function placeOfPhone(userId: UserId): string {
  return `users.phone:${userId}`;
}
