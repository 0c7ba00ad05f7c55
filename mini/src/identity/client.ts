import { imageType } from "./avatar";
import { createDeviceLogin } from "./device-login";
import { clientError } from "./errors";
import { createSend } from "./http";
import type { Platform } from "./platform";
import { endLogin } from "./token-calls";
import type { Identity, IdentityOptions, LoginSession, RequestOptions } from "./types";

const ME = "/api/v1/users/me";
const SESSIONS = "/api/v1/auth/sessions";

/** The client over a platform. */
export function createClient(options: IdentityOptions, platform: Platform): Identity {
  const send = createSend(options, platform);
  const device = createDeviceLogin(options, platform, send);

  async function request<T>(call: RequestOptions): Promise<T> {
    return (await device.withToken((token) => send({ ...call, token }))) as T;
  }

  return {
    get loggedIn() {
      return device.loggedIn;
    },
    request,
    async login(userInfo) {
      const { user, isNewUser } = await device.login(userInfo);
      return { user, isNewUser };
    },
    getProfile: () => request({ path: ME }),
    updateProfile: ({ version, ...data }) =>
      request({
        path: ME,
        method: "PATCH",
        data,
        ...(version === undefined ? {} : { header: { "If-Match": `"${version}"` } }),
      }),
    async uploadAvatar(file) {
      const refuse = (cause: unknown) =>
        clientError("AVATAR_INVALID", options.language ?? "zh-CN", { cause });
      const data = await platform.readFile(file).catch((cause: unknown) => {
        throw refuse(cause);
      });
      const type = imageType(data);
      if (!type) throw refuse(new Error("neither PNG, JPEG nor WebP"));
      return request({
        path: `${ME}/avatar`,
        method: "PUT",
        data,
        header: { "content-type": type },
      });
    },
    bindPhone: (code) => request({ path: `${ME}/phone`, method: "POST", data: { code } }),
    listSessions: async () =>
      (await request<{ sessions: LoginSession[] }>({ path: SESSIONS })).sessions,
    async endSession(id) {
      await request({ path: `${SESSIONS}/${encodeURIComponent(id)}`, method: "DELETE" });
    },
    exportAccount: () => request({ path: `${ME}/export` }),
    async deleteAccount() {
      // A silent login, even of another request, would take the deletion back.
      return device.withoutSilentLogin(async () => {
        const answer = await request<{ erasedAfter: string }>({ path: ME, method: "DELETE" });
        device.forget();
        return answer;
      });
    },
    async logout() {
      const tokens = device.forget();
      if (tokens) await endLogin(options, send, tokens);
    },
  };
}
