import { createClient } from "../../src/identity/client";
import { createPlatform, type TaroApi } from "../../src/identity/platform";
import type { Identity, IdentityOptions } from "../../src/identity/types";
import { SimulatedGateway } from "./simulated-gateway";

/** The methods that wx.request takes. */
const WEAPP_METHODS = ["OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT"];

/** A phone with its storage, or a tab of a browser. */
export interface Phone {
  taro: TaroApi;
  storage: Map<string, unknown>;
  files: Map<string, ArrayBuffer | string>;
  /** How often wx.login was called. */
  logins: number;
  /** In place of wx.login. */
  wxLogin?: () => Promise<{ code: string }>;
  /** Throws out of the storage's functions named here. */
  brokenStorage: Set<"get" | "set" | "remove">;
}

/** Taro as weapp (or h5) has it, before a gateway. */
export function createPhone(gateway: SimulatedGateway, env: "WEAPP" | "WEB" = "WEAPP"): Phone {
  const guard = (what: "get" | "set" | "remove") => {
    if (phone.brokenStorage.has(what)) throw new Error(`${what}StorageSync:fail`);
  };
  const phone: Phone = {
    storage: new Map(),
    files: new Map(),
    logins: 0,
    brokenStorage: new Set(),
    taro: {
      getEnv: () => env,
      login() {
        phone.logins++;
        return phone.wxLogin?.() ?? Promise.resolve({ code: gateway.issueCode() });
      },
      async request({ url, method, header, data }) {
        if (env === "WEAPP" && !WEAPP_METHODS.includes(method)) {
          throw { errMsg: `request:fail invalid method ${method}` };
        }
        const names = Object.entries(header).map(([name, value]) => [name.toLowerCase(), value]);
        const path = url.replace("https://id.example.com", "");
        return gateway.ask({ method, path, header: Object.fromEntries(names), data });
      },
      // As the real ones: what is not there is an empty text, and nothing is shared with the caller.
      getStorageSync(key) {
        guard("get");
        return structuredClone(phone.storage.has(key) ? phone.storage.get(key) : "");
      },
      setStorageSync(key, value) {
        guard("set");
        phone.storage.set(key, structuredClone(value));
      },
      removeStorageSync(key) {
        guard("remove");
        phone.storage.delete(key);
      },
      getFileSystemManager: () => ({
        readFile({ filePath, success, fail }) {
          const data = phone.files.get(filePath);
          if (data === undefined) fail({ errMsg: "readFile:fail no such file or directory" });
          else success({ data });
        },
      }),
    },
  };
  return phone;
}

/** The client on a phone, as it is after each start of the app. */
export function startApp(phone: Phone, options: Partial<IdentityOptions> = {}): Identity {
  return createClient(
    { baseUrl: "https://id.example.com", ...options },
    createPlatform(phone.taro),
  );
}

/** A gateway, a phone and the client on it. */
export function setUp(options: Partial<IdentityOptions> = {}, env: "WEAPP" | "WEB" = "WEAPP") {
  const gateway = new SimulatedGateway();
  const phone = createPhone(gateway, env);
  return { gateway, phone, identity: startApp(phone, options) };
}

export const LOGIN = "/api/v1/auth/mini-login";
export const REFRESH = "/api/v1/auth/refresh";
export const LOGOUT = "/api/v1/auth/logout";
export const ME = "/api/v1/users/me";
