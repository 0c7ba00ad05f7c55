/** Where the service is, and how to log in. */
export interface IdentityOptions {
  /** The gateway, `https://id.example.com`; empty on h5 that the gateway itself serves. */
  baseUrl: string;
  /** Which mini program this is. On weapp WeChat says so in the Referer; h5 has none. */
  appId?: string;
  /** Where a login code comes from; by default `wx.login`. Each call gives a fresh one. */
  loginCode?: () => Promise<string>;
  /** Where the tokens lie in the storage; default `identity`. */
  storageKey?: string;
  /** How long to wait for an answer; default 10,000. */
  timeoutMs?: number;
  /** Of the messages of errors; default `zh-CN`. */
  language?: Language;
}

/** A language that messages exist in. */
export type Language = "zh-CN" | "en";

/** What the person chose to show; it counts only for somebody new. */
export interface UserInfo {
  /** 1 to 32 characters. */
  nickName?: string;
  /** A public https address. A temporary file is no such thing: `uploadAvatar` takes those. */
  avatarUrl?: string;
}

/** Somebody, as far as a login tells. */
export interface LoginUser {
  id: number;
  username: string;
  nickname: string;
  /** An https address; empty when there is none. */
  avatar: string;
}

/** What a login brought. */
export interface LoginResult {
  user: LoginUser;
  /** Whether this login registered them. */
  isNewUser: boolean;
}

/** One's own profile. */
export interface Profile extends LoginUser {
  /** Its middle hidden; empty when none is bound. */
  phone: string;
  /** Grows with each change. */
  version: number;
}

/** One of one's own logins that have not ended. */
export interface LoginSession {
  id: string;
  appId: string;
  /** What the person would know the device by; may be empty. */
  device: string;
  /** ISO 8601. */
  createdAt: string;
  /** ISO 8601. */
  lastUsedAt: string;
  /** Whether it is this device's own. */
  current: boolean;
}

/** A request to the gateway, or to what lies behind the same origin. */
export interface RequestOptions {
  /** From `/` on, after `baseUrl`; the token goes nowhere else. */
  path: string;
  /** Default GET. */
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Sent as JSON; of a GET as the query; an ArrayBuffer as it is. */
  data?: object | ArrayBuffer;
  header?: Record<string, string>;
}

/** The client of mini-identity. Everything it rejects with is an `IdentityError`. */
export interface Identity {
  /** Whether tokens are stored. The service may have ended the login since. */
  readonly loggedIn: boolean;
  /** Logs in by `wx.login`. One login however often it is called meanwhile. */
  login(userInfo?: UserInfo): Promise<LoginResult>;
  /**
   * Asks with the token, and once more when a refresh or a silent login has helped.
   * After `logout` or `deleteAccount` it rejects with LOGGED_OUT until the next `login`.
   */
  request<T>(options: RequestOptions): Promise<T>;
  /** Reads one's own profile. */
  getProfile(): Promise<Profile>;
  /**
   * Changes the profile: what is absent stays, what is empty is cleared. With `version`, that of the
   * profile which the change is meant for, a stale one rejects with PROFILE_CONFLICT.
   */
  updateProfile(change: { nickname?: string; avatar?: string; version?: number }): Promise<Profile>;
  /**
   * Makes an image the avatar.
   * @param file a temporary path of chooseAvatar or chooseImage; on h5 a `blob:` or `data:` address
   */
  uploadAvatar(file: string): Promise<{ avatar: string }>;
  /** Binds the number of `<button open-type="getPhoneNumber">`; `code` is its event's, not wx.login's. */
  bindPhone(code: string): Promise<Profile>;
  /** One's own logins, the latest first. */
  listSessions(): Promise<LoginSession[]>;
  /** Ends one of one's own logins. To end this device's own, `logout`. */
  endSession(id: string): Promise<void>;
  /** All that the service knows of the person. */
  exportAccount(): Promise<unknown>;
  /** Deletes the account. A `login` before `erasedAfter` (ISO 8601) takes that back. */
  deleteAccount(): Promise<{ erasedAfter: string }>;
  /** Forgets the tokens at once and ends the login as far as the service can be reached. */
  logout(): Promise<void>;
}
