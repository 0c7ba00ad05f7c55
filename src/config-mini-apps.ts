import type { Env, MiniAppConfig } from "./config.ts";
import { ConfigError, readSetting, required } from "./config-values.ts";

/** The mini programs of WX_MINI_APP_ID and WX_MINI_APP_SECRET, or of MINI_APPS_FILE. */
export function toMiniApps(env: Env): MiniAppConfig[] {
  const path = env.MINI_APPS_FILE;
  if (!path) {
    const app = { appId: required(env, "WX_MINI_APP_ID"), unionScope: "main" };
    return [checkedApp("WX_MINI_APP_", { ...app, secret: required(env, "WX_MINI_APP_SECRET") })];
  }
  if (env.WX_MINI_APP_ID || env.WX_MINI_APP_SECRET) {
    throw new ConfigError("MINI_APPS_FILE excludes WX_MINI_APP_ID and WX_MINI_APP_SECRET");
  }
  const apps = parseMiniApps(readSetting("MINI_APPS_FILE", path));
  if (!apps?.length) {
    throw new ConfigError('MINI_APPS_FILE does not hold {"apps":[{"appId","secret"},…]}');
  }
  if (new Set(apps.map(({ appId }) => appId)).size < apps.length) {
    throw new ConfigError("MINI_APPS_FILE names one appId twice");
  }
  return apps;
}

function parseMiniApps(text: string): MiniAppConfig[] | undefined {
  let file: { apps?: Record<string, unknown>[] };
  try {
    file = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(file?.apps)) return undefined;
  return file.apps.map((app) => {
    const secret = app.secretFile
      ? readSetting("MINI_APPS_FILE's secretFile", String(app.secretFile)).trim()
      : String(app.secret ?? "");
    const unionScope = String(app.unionScope ?? "main");
    return checkedApp("MINI_APPS_FILE: ", { appId: String(app.appId), secret, unionScope });
  });
}

function checkedApp(where: string, app: MiniAppConfig): MiniAppConfig {
  if (!/^[A-Za-z0-9_-]{4,64}$/.test(app.appId)) throw new ConfigError(`${where}ID is no app id`);
  if (!/^[A-Za-z0-9]{16,128}$/.test(app.secret) || /^(.)\1+$/.test(app.secret)) {
    throw new ConfigError(`${where}SECRET is no AppSecret (or still a placeholder)`);
  }
  return app;
}
