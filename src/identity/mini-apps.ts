import type { MiniAppConfig } from "../config.ts";
import { IdentityError } from "./errors.ts";
import type { AppId } from "./ids.ts";

export interface MiniApp {
  appId: AppId;
  secrets: readonly string[];
  /** The Open Platform account that it belongs to. */
  unionScope: string;
  /** How many codes are exchanged in a minute at most. */
  loginsPerMinute?: number | undefined;
}

/** The mini programs that this service works for. */
export interface MiniApps {
  /** From now on these, for calls that begin now. */
  replace(config: readonly MiniAppConfig[]): void;
  /** The named one, or the only one when none is named. */
  find(appId: string): MiniApp;
  ids(): AppId[];
}

export function createMiniApps(config: readonly MiniAppConfig[]): MiniApps {
  let apps = byId(config);
  return {
    replace: (next) => {
      apps = byId(next);
    },
    ids: () => [...apps.values()].map(({ appId }) => appId),
    find(appId) {
      const [first] = apps.values();
      if (!appId && (apps.size !== 1 || !first)) {
        throw new IdentityError("APP_REQUIRED", "name one of the mini programs", {
          field: "app_id",
        });
      }
      const app = appId ? apps.get(appId) : first;
      if (app) return app;
      const message = "this mini program is not configured here";
      throw new IdentityError("APP_UNKNOWN", message, { field: "app_id" });
    },
  };
}

function byId(config: readonly MiniAppConfig[]): Map<string, MiniApp> {
  return new Map(config.map((app) => [app.appId, { ...app, appId: app.appId as AppId }]));
}
