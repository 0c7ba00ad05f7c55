import { toUserId } from "./directory.ts";
import { IdentityError } from "./errors.ts";
import { type AppId, type Openid, parseOpenid } from "./ids.ts";
import type { MiniApps } from "./mini-apps.ts";
import { decryptOpenData, hasValidSignature } from "./open-data.ts";
import type { WechatServerApi } from "./platforms/wechat-server-api.ts";
import type { AccountStore } from "./store/accounts.ts";
import type { SessionKeyStore } from "./store/session-keys.ts";

/** WeChat's data reaches us minutes after it was made; a day leaves room for a queue. */
const MAX_AGE_MS = 24 * 3_600_000;

export interface SessionDataDeps {
  wechatApi: WechatServerApi;
  miniApps: MiniApps;
  accounts: AccountStore;
  sessionKeys: SessionKeyStore;
  now(): number;
}

/** Whose data it is: by openid, or by user id. */
export interface Owner {
  appId: string;
  openid: string;
  userId: bigint;
}

/** What WeChat encrypted with the account's session_key. */
export async function decryptData(
  deps: SessionDataDeps,
  owner: Owner,
  { encryptedData, iv }: { encryptedData: string; iv: string },
): Promise<Record<string, unknown>> {
  const { appId, sessionKey } = await findSessionKey(deps, owner);
  const nowMs = deps.now();
  return decryptOpenData({ sessionKey, encryptedData, iv, appId, nowMs, maxAgeMs: MAX_AGE_MS });
}

/** Rejects with DATA_REJECTED unless the signature was made with the account's session_key. */
export async function verifySignature(
  deps: SessionDataDeps,
  owner: Owner,
  { rawData, signature }: { rawData: string; signature: string },
): Promise<void> {
  const { sessionKey } = await findSessionKey(deps, owner);
  if (hasValidSignature({ sessionKey, rawData, signature })) return;
  throw new IdentityError("DATA_REJECTED", "the signature does not hold", { field: "signature" });
}

/** Whether WeChat still knows the kept session_key; rejects with SESSION_KEY_MISSING without one. */
export async function checkSessionKey(
  deps: SessionDataDeps,
  owner: Owner,
  signal: AbortSignal,
): Promise<boolean> {
  const { app, openid, sessionKey } = await findSessionKey(deps, owner);
  return deps.wechatApi.checkSessionKey(app, { openid, sessionKey }, signal);
}

/** Has WeChat replace the kept session_key, and keeps the new one for as long as the old one. */
export async function resetSessionKey(
  deps: SessionDataDeps,
  owner: Owner,
  signal: AbortSignal,
): Promise<void> {
  const { app, appId, openid, sessionKey } = await findSessionKey(deps, owner);
  const fresh = await deps.wechatApi.resetSessionKey(app, { openid, sessionKey }, signal);
  if (await deps.sessionKeys.replace({ appId, openid }, sessionKey, fresh)) return;
  // A login may have brought a newer one meanwhile. Otherwise it could not be kept.
  const kept = await deps.sessionKeys.find({ appId, openid });
  if (kept === undefined || kept === sessionKey) {
    throw new IdentityError("SESSION_KEY_MISSING", "the new session_key was lost: log in again");
  }
}

async function findSessionKey(deps: SessionDataDeps, owner: Owner) {
  const app = deps.miniApps.find(owner.appId);
  const { appId } = app;
  const openid = await findOpenid(deps, appId, owner);
  const sessionKey = await deps.sessionKeys.find({ appId, openid });
  if (sessionKey) return { app, appId, openid, sessionKey };
  throw new IdentityError("SESSION_KEY_MISSING", "no session_key is kept: log in again");
}

async function findOpenid(
  { accounts }: SessionDataDeps,
  appId: AppId,
  owner: Owner,
): Promise<Openid> {
  if (owner.openid && owner.userId) {
    throw new IdentityError("INVALID_FIELD", "name openid or user_id, not both", {
      field: "user_id",
    });
  }
  if (!owner.userId) {
    const openid = parseOpenid(owner.openid);
    if (openid) return openid;
    throw new IdentityError("INVALID_FIELD", "openid is not one", { field: "openid" });
  }
  const owned = await accounts.ofUsers([toUserId(owner.userId, "user_id")]);
  // The latest: a person may have come back to the mini program under another openid.
  const account = owned.findLast((one) => one.appId === appId);
  if (account) return account.openid;
  throw new IdentityError("USER_NOT_FOUND", "the user has no account in this mini program");
}
