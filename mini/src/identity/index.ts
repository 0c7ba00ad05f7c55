import Taro from "@tarojs/taro";
import { createClient } from "./client";
import { createPlatform } from "./platform";
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
  return createClient(options, createPlatform(Taro));
}
