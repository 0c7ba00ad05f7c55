import Taro from "@tarojs/taro";
import { createClient } from "./client";
import { createPlatform, type TaroApi } from "./platform";
import type { Identity, IdentityOptions } from "./types";

export { IdentityError } from "./errors";
export type {
  Identity,
  IdentityOptions,
  LoginResult,
  LoginSession,
  LoginUser,
  Profile,
  RequestOptions,
  UserInfo,
} from "./types";

/**
 * The one client of a mini program: make it once and share it. Two of them under one `storageKey`
 * would each refresh and log in for themselves.
 */
export function createIdentity(options: IdentityOptions): Identity {
  return createClient(options, createPlatform(USED_OF_TARO));
}

/** Each by its name: the h5 build takes in of Taro only what it sees called. */
const USED_OF_TARO: TaroApi = {
  getEnv: () => Taro.getEnv(),
  login: (options) => Taro.login(options),
  // Its type lacks PATCH, which its h5 passes on.
  request: (options) => Taro.request(options as Taro.request.Option),
  getStorageSync: (key) => Taro.getStorageSync(key),
  setStorageSync: (key, value) => Taro.setStorageSync(key, value),
  removeStorageSync: (key) => Taro.removeStorageSync(key),
  getFileSystemManager: () => Taro.getFileSystemManager(),
};
