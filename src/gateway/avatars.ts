import { createHash, randomBytes } from "node:crypto";
import { IdentityCallError } from "../client.ts";
import type { AvatarConfig } from "../config-avatars.ts";
import type { User } from "../gen/identity/v1/user_pb.js";
import { due, type Logger } from "../log.ts";
import { createAvatarEncoder } from "./avatar-image.ts";
import { openAvatarStore } from "./avatar-store.ts";
import { GatewayError, HTTP_STATUS } from "./errors.ts";
import { createRoom } from "./room.ts";

/** From the first byte to the last, so that the bodies held have a bound: 64 MiB. */
const MAX_UPLOADS = 32;

/** A store that is away is told of so often. */
const FAILED_INTERVAL_MS = 1_000;

/** The path of avatars, of the whole service. */
export const AVATAR_NAME = /^[0-9a-f]{64}$/;

export interface Upload {
  user: User;
  /** Reads the body; called once there is room for it. */
  read(): Promise<Uint8Array>;
  /** Writes the address into the person's profile. */
  save(avatarUrl: string): Promise<void>;
}

/** The avatars that were uploaded here. */
export interface Avatars extends AsyncDisposable {
  /** The address of the new avatar, once the person's profile holds it. */
  upload(upload: Upload): Promise<string>;
  /** Removes what the person's profile held before, if it was uploaded here and by this person. */
  forget(user: User): Promise<void>;
  read(name: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
}

export async function openAvatars(config: AvatarConfig, log: Logger): Promise<Avatars> {
  const store = await openAvatarStore(config);
  const encode = createAvatarEncoder();
  const inRoom = createRoom(MAX_UPLOADS);
  const base = `${config.baseUrl}/avatars/`;
  const stored = reportingFailures(log);
  const remove = (name: string) =>
    store.remove(name).catch((err) => log.warn({ event: "avatar left behind", err }));
  const put = async ({ user, read, save }: Upload) => {
    const image = await encode(await read());
    const name = newName(user);
    await stored(store.put(name, image));
    const url = `${base}${name}.webp`;
    try {
      await save(url);
    } catch (error) {
      // Where it is not known whether the profile was changed, an image too many does less harm.
      if (isRefusal(error)) await remove(name);
      throw error;
    }
    return url;
  };
  const forget = async (user: User) => {
    const name = user.avatarUrl.startsWith(base) ? user.avatarUrl.slice(base.length, -5) : "";
    if (AVATAR_NAME.test(name) && isOf(user, name)) await remove(name);
  };
  return {
    upload: async (upload) => {
      const url = await inRoom(() => put(upload));
      await forget(upload.user);
      return url;
    },
    forget,
    read: (name) => stored(store.get(name)),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/**
 * 128 random bits, and a hash that says whose it is: anybody may write anybody's avatar into their profile,
 * and must not have it removed by that. A username is random, and never changes.
 */
function newName(user: User): string {
  const random = randomBytes(16).toString("hex");
  return `${random}${markOf(user, random)}`;
}

function isOf(user: User, name: string): boolean {
  return name.slice(32) === markOf(user, name.slice(0, 32));
}

function markOf({ username }: User, random: string): string {
  return createHash("sha256").update(`${random} ${username}`).digest("hex").slice(0, 32);
}

function isRefusal(error: unknown): boolean {
  return error instanceof IdentityCallError && HTTP_STATUS[error.reason] < 500;
}

/** What went wrong in the store is for the log; who asked is told to come again. */
function reportingFailures(log: Logger) {
  const isDue = due(FAILED_INTERVAL_MS);
  return async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (err) {
      if (isDue()) log.error({ event: "avatar store", err });
      throw new GatewayError("STORAGE_UNAVAILABLE", { retryAfterSeconds: 5 });
    }
  };
}
