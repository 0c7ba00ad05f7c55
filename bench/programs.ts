// What the bench and the soak start, each in a process of its own.

/** The service. */
export const MAIN = new URL("../src/main.ts", import.meta.url);
/** The simulator, which tells how often it was called. */
export const WECHAT = new URL("./wechat-server.ts", import.meta.url);
export const ECHO = new URL("./echo-server.ts", import.meta.url);
export const FLOOR = new URL("./baselines/floor.ts", import.meta.url);
export const FLOOR_HTTP = new URL("./baselines/floor-http.ts", import.meta.url);
export const HOP = new URL("./baselines/hop.ts", import.meta.url);
export const ORIGINAL = new URL("./baselines/original/server.js", import.meta.url);
