import { demoLoginCode } from "./demo";
import { createIdentity } from "./identity/index";

/** Whether this is the page in a browser: there is no WeChat there, the demo stands in for it. */
export const isBrowser = process.env.TARO_ENV === "h5";

/** The one connection to the service; it keeps the login. */
export const identity = createIdentity({
  baseUrl: IDENTITY_URL,
  ...(isBrowser ? { loginCode: demoLoginCode } : {}),
});
