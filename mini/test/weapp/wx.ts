import { readFile } from "node:fs/promises";

/** What WeChat passes to a callback. */
interface Result {
  errMsg: string;
  [name: string]: unknown;
}

interface Callbacks {
  success?(result: Result): void;
  fail?(result: Result): void;
  complete?(result: Result): void;
}

interface RequestOptions extends Callbacks {
  url: string;
  method?: string;
  header?: Record<string, string>;
  data?: unknown;
}

/** What the page asks of WeChat beyond itself. */
export interface WxOptions {
  appId: string;
  /** The gateway that stands in for the one that the mini program was built for. */
  serviceUrl: string;
  /** A code, as WeChat gives it for whoever holds the phone. */
  loginCode(): Promise<string>;
  navigate: { to(url: string): void; back(): void; relaunch(url: string): void };
}

/** Where the mini program looks for the service by default. */
const BUILT_FOR = "http://127.0.0.1:8080";

/** Methods that wx.request knows. */
const METHODS = ["OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT"];

/** As much of WeChat's `wx` as the mini program uses, over the real network. */
export function createWx({ appId, serviceUrl, loginCode, navigate }: WxOptions) {
  const storage = new Map<string, unknown>();
  const toasts: string[] = [];
  const privacy: ((resolve: (answer: { event: string }) => void) => void)[] = [];
  const windowInfo = { windowWidth: 375, windowHeight: 667, pixelRatio: 2, statusBarHeight: 20 };
  const system = { ...windowInfo, platform: "ios", SDKVersion: "3.5.0", language: "zh_CN" };
  const wx = {
    getSystemInfoSync: () => system,
    getAppBaseInfo: () => system,
    getWindowInfo: () => windowInfo,
    getDeviceInfo: () => system,
    getLaunchOptionsSync: () => ({ path: "pages/login/index", query: {} }),
    getEnterOptionsSync: () => ({}),
    canIUse: () => true,
    nextTick: (work: () => void) => queueMicrotask(work),
    getStorageSync: (key: string) => structuredClone(storage.get(key) ?? ""),
    setStorageSync: (key: string, value: unknown) => void storage.set(key, structuredClone(value)),
    removeStorageSync: (key: string) => void storage.delete(key),
    login: (options: Callbacks) =>
      call("login", options, async () => ({ code: await loginCode() })),
    request: (options: RequestOptions) => {
      const url = options.url.replace(BUILT_FOR, serviceUrl);
      call("request", options, () => request({ ...options, url }, appId));
      return { abort() {}, onHeadersReceived() {}, offHeadersReceived() {} };
    },
    getFileSystemManager: () => ({
      readFile: (options: Callbacks & { filePath: string }) =>
        call("readFile", options, async () => {
          const { buffer, byteOffset, byteLength } = await readFile(options.filePath);
          return { data: buffer.slice(byteOffset, byteOffset + byteLength) };
        }),
    }),
    showToast: (options: Callbacks & { title: string }) =>
      call("showToast", options, async () => {
        toasts.push(options.title);
        return {};
      }),
    reLaunch: (options: Callbacks & { url: string }) =>
      call("reLaunch", options, async () => navigate.relaunch(options.url)),
    navigateTo: (options: Callbacks & { url: string }) =>
      call("navigateTo", options, async () => navigate.to(options.url)),
    navigateBack: (options: Callbacks) =>
      call("navigateBack", options, async () => navigate.back()),
    onNeedPrivacyAuthorization: (listener: (typeof privacy)[number]) => void privacy.push(listener),
  };
  return { wx, storage, toasts, privacy };
}

/** WeChat calls back later, never from within the call. */
function call(name: string, options: Callbacks, work: () => Promise<unknown>): void {
  const end = (result: Result, callback?: (result: Result) => void) => {
    callback?.(result);
    options.complete?.(result);
  };
  work().then(
    (value) => end({ ...(value as object | undefined), errMsg: `${name}:ok` }, options.success),
    (error) => end({ errMsg: `${name}:fail ${error.message}` }, options.fail),
  );
}

/** JSON and ArrayBuffer, as wx.request sends them, with the Referer that no mini program can change. */
async function request({ url, method = "GET", header = {}, data }: RequestOptions, appId: string) {
  if (!METHODS.includes(method)) throw new Error(`invalid method ${method}`);
  const isBytes = data instanceof ArrayBuffer || ArrayBuffer.isView(data);
  const hasBody = data !== undefined && method !== "GET";
  const response = await fetch(url, {
    method,
    headers: {
      "content-type": "application/json",
      "user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) MicroMessenger/8.0.60",
      ...header,
      referer: `https://servicewechat.com/${appId}/devtools/page-frame.html`,
    },
    ...(hasBody ? { body: isBytes ? (data as ArrayBuffer) : JSON.stringify(data) } : {}),
  });
  const text = await response.text();
  return {
    statusCode: response.status,
    header: Object.fromEntries(response.headers),
    data: parse(text),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
