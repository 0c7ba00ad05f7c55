import type { Env, MiniAppConfig } from "./config.ts";
import { ConfigError, readSetting, required } from "./config-values.ts";

/** The mini programs of WX_MINI_APP_ID and WX_MINI_APP_SECRET, or of MINI_APPS_FILE. */
export function toMiniApps(env: Env): MiniAppConfig[] {
  const path = env.MINI_APPS_FILE;
  if (!path) {
    const app = { appId: required(env, "WX_MINI_APP_ID"), unionScope: "main" };
    return [checkedApp("WX_MINI_APP_", { ...app, secrets: [required(env, "WX_MINI_APP_SECRET")] })];
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
    const secrets = [readSecret(app, "secret"), readSecret(app, "nextSecret")];
    return checkedApp("MINI_APPS_FILE: ", {
      appId: String(app.appId),
      secrets: secrets.filter((secret) => secret !== undefined),
      unionScope: String(app.unionScope ?? "main"),
      loginsPerMinute: readLoginsPerMinute(app),
    });
  });
}

function readLoginsPerMinute({ loginsPerMinute }: Record<string, unknown>): number | undefined {
  if (loginsPerMinute === undefined) return undefined;
  if (Number.isSafeInteger(loginsPerMinute) && (loginsPerMinute as number) > 0) {
    return loginsPerMinute as number;
  }
  throw new ConfigError("MINI_APPS_FILE: loginsPerMinute is no positive number");
}

function readSecret(app: Record<string, unknown>, name: string): string | undefined {
  const path = app[`${name}File`];
  if (path !== undefined && app[name] !== undefined) {
    throw new ConfigError(`MINI_APPS_FILE: ${name} and ${name}File are both set`);
  }
  if (path !== undefined) return readSetting(`MINI_APPS_FILE's ${name}File`, String(path)).trim();
  return app[name] === undefined ? undefined : String(app[name]);
}

function checkedApp(where: string, app: MiniAppConfig): MiniAppConfig {
  if (!/^[A-Za-z0-9_-]{4,64}$/.test(app.appId)) throw new ConfigError(`${where}ID is no app id`);
  const isSecret = (it: string) => /^[A-Za-z0-9]{16,128}$/.test(it) && !/^(.)\1+$/.test(it);
  if (app.secrets.length === 0 || !app.secrets.every(isSecret)) {
    throw new ConfigError(`${where}SECRET is no AppSecret (or still a placeholder)`);
  }
  return app;
}
