import type { Logger } from "../log.ts";
import { IdentityError } from "./errors.ts";
import type { MiniApps } from "./mini-apps.ts";
import type { Author, WechatContent } from "./platforms/wechat-content.ts";
import type { Subject } from "./tokens.ts";

/** Of a call's 4 s, so that the change goes through in time when WeChat does not answer. */
const TIMEOUT_MS = 1_500;

/** What was looked at, and what came of it. */
export type OnChecked = (
  kind: "nickname" | "avatar",
  outcome: "pass" | "review" | "risky" | "submitted" | "failed",
) => void;

/** What WeChat has to say about a profile. It fails open: while WeChat is away, every change goes through. */
export interface ContentChecks {
  /** Rejects with NICKNAME_INVALID what WeChat calls risky. */
  nickname(who: Subject, nickname: string, signal: AbortSignal): Promise<void>;
  /** Hands the image to WeChat, which tells its verdict later and elsewhere: see {@link WechatContent}. */
  avatar(who: Subject, url: string, signal: AbortSignal): Promise<void>;
}

export interface ContentCheckDeps {
  content: WechatContent;
  miniApps: MiniApps;
  log: Logger;
  onChecked: OnChecked;
}

export function createContentChecks(deps: ContentCheckDeps): ContentChecks {
  const { content, miniApps, log, onChecked } = deps;
  /** Undefined where WeChat could not be asked. */
  const ask = async <T>(
    kind: "nickname" | "avatar",
    { appId, openid }: Subject,
    signal: AbortSignal,
    question: (author: Author, signal: AbortSignal) => Promise<T>,
  ): Promise<T | undefined> => {
    try {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
      return await question({ app: miniApps.find(appId), openid }, limited);
    } catch (err) {
      log.warn({ event: "content check", kind, outcome: "failed", err });
      onChecked(kind, "failed");
      return undefined;
    }
  };
  return {
    nickname: async (who, nickname, signal) => {
      const verdict = await ask("nickname", who, signal, (author, limited) =>
        content.checkText(author, nickname, limited),
      );
      // Whoever called is gone: then there is nothing to let through either.
      signal.throwIfAborted();
      if (!verdict) return;
      onChecked("nickname", verdict);
      if (verdict !== "risky") return;
      const message = "the nickname is risky content, says WeChat";
      throw new IdentityError("NICKNAME_INVALID", message, { field: "nickname" });
    },
    avatar: async (who, url, signal) => {
      const traceId = await ask("avatar", who, signal, (author, limited) =>
        content.submitImage(author, url, limited),
      );
      if (!traceId) return;
      onChecked("avatar", "submitted");
      const { userId } = who;
      log.info({ event: "content check", kind: "avatar", outcome: "submitted", traceId, userId });
    },
  };
}
