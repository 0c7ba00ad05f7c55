/** What is used of Taro, so that tests can bring one of their own. */
export interface TaroApi {
  getEnv(): string;
  login(options: { timeout: number }): Promise<{ code: string }>;
  request(options: {
    url: string;
    method: string;
    header: Record<string, string>;
    data?: object | ArrayBuffer;
    timeout: number;
  }): PromiseLike<{ statusCode: number; header?: Record<string, unknown>; data: unknown }>;
  getStorageSync(key: string): unknown;
  setStorageSync(key: string, value: unknown): void;
  removeStorageSync(key: string): void;
  getFileSystemManager(): {
    readFile(options: {
      filePath: string;
      success(result: { data: string | ArrayBuffer }): void;
      fail(error: unknown): void;
    }): void;
  };
}

/** A request as HTTP knows it. */
export interface HttpRequest {
  url: string;
  method: string;
  header: Record<string, string>;
  data?: object | ArrayBuffer;
  timeoutMs: number;
}

/** An answer of any status. The names of its headers are in lower case. */
export interface HttpReply {
  status: number;
  header: Record<string, string>;
  /** Parsed JSON; a text, null or empty when it was none. */
  data: unknown;
}

/** The phone or the browser, with what differs between the two evened out. */
export interface Platform {
  /** Resolves whatever the status; rejects when no answer came. */
  request(request: HttpRequest): Promise<HttpReply>;
  /** A fresh code of wx.login. */
  loginCode(timeoutMs: number): Promise<string>;
  readFile(file: string): Promise<ArrayBuffer>;
  readItem(key: string): unknown;
  writeItem(key: string, value: unknown): void;
  removeItem(key: string): void;
}

/** The platform that Taro was built for. */
export function createPlatform(taro: TaroApi): Platform {
  const isWeb = taro.getEnv() === "WEB";
  return {
    async request({ timeoutMs, ...request }) {
      const asked = isWeb ? request : withoutPatch(request);
      // A copy of the header, since h5 writes into the one it is given.
      const header = { ...asked.header };
      const reply = await within(timeoutMs, taro.request({ ...asked, header, timeout: timeoutMs }));
      if (!reply.statusCode) throw new Error("an answer without a status");
      return {
        status: reply.statusCode,
        header: lowerCased(reply.header ?? {}),
        data: reply.data,
      };
    },
    async loginCode(timeoutMs) {
      const { code } = await within(timeoutMs, taro.login({ timeout: timeoutMs }));
      return code;
    },
    readFile: isWeb ? readObjectUrl : (file) => readTemporaryFile(taro, file),
    readItem: (key) => taro.getStorageSync(key),
    writeItem: (key, value) => taro.setStorageSync(key, value),
    removeItem: (key) => taro.removeStorageSync(key),
  };
}

/** wx.request knows no PATCH; the gateway takes this instead. */
function withoutPatch<T extends { method: string; header: Record<string, string> }>(request: T): T {
  if (request.method !== "PATCH") return request;
  const header = { ...request.header, "X-HTTP-Method-Override": "PATCH" };
  return { ...request, method: "POST", header };
}

/** WeChat passes header names on as the server or the system wrote them. */
function lowerCased(header: Record<string, unknown>): Record<string, string> {
  const lower: Record<string, string> = {};
  for (const name of Object.keys(header)) lower[name.toLowerCase()] = String(header[name]);
  return lower;
}

/** Taro's h5 stops its clock at the first byte, and a WeChat put to sleep may call nobody back. */
export function within<T>(timeoutMs: number, work: PromiseLike<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

function readTemporaryFile(taro: TaroApi, filePath: string): Promise<ArrayBuffer> {
  return new Promise((resolve, reject) => {
    taro.getFileSystemManager().readFile({
      filePath,
      // Without an encoding it is always the bytes.
      success: ({ data }) => resolve(data as ArrayBuffer),
      fail: reject,
    });
  });
}

async function readObjectUrl(file: string): Promise<ArrayBuffer> {
  if (!/^(?:blob|data):/.test(file)) throw new Error("not a file that was chosen");
  return (await fetch(file)).arrayBuffer();
}
