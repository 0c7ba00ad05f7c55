import { IdentityError } from "./errors.ts";
import type { MiniApps } from "./mini-apps.ts";
import type { Phones } from "./phones.ts";
import type { WechatServerApi } from "./platforms/wechat-server-api.ts";
import { getProfile } from "./profile.ts";
import type { User, UserStore } from "./store/users.ts";
import type { Subject } from "./tokens.ts";

export interface BindPhoneDeps {
  miniApps: MiniApps;
  users: UserStore;
  wechatApi: WechatServerApi;
  phones: Phones;
}

/** Binds the number behind the phone button's code to the token's subject. */
export async function bindPhone(
  deps: BindPhoneDeps,
  { userId, appId }: Subject,
  code: string,
  signal: AbortSignal,
): Promise<User> {
  if (!/^[A-Za-z0-9_-]{1,128}$/.test(code)) {
    const message = "code is not 1 to 128 of A-Za-z0-9_-";
    throw new IdentityError("PHONE_CODE_INVALID", message, { field: "code" });
  }
  // Before WeChat is asked: afterwards the code is spent, and paid for.
  const app = deps.miniApps.find(appId);
  const phone = await deps.wechatApi.phoneNumber(app, code, signal);
  const user = await deps.users.bindPhone(userId, deps.phones.toStored(phone, userId));
  return user ?? getProfile(deps, userId);
}
