import { isIP } from "node:net";
import { IdentityError } from "./errors.ts";

/** The nickname of a person who gave none; WeChat itself sends it for people who hide theirs. */
export const DEFAULT_NICKNAME = "微信用户";

/** The grey avatar that WeChat sends for people who hide theirs. */
const GREY_AVATAR = /^https:\/\/mmbiz\.qpic\.cn\/mmbiz\/icTdbqWNOwNRna42FI242L/;

/** What follows, for an avatar that was uploaded to the gateway. */
const UPLOADED_PATH = /^\/avatars\/[0-9a-f]{64}\.webp$/;

const MAX_GRAPHEMES = 32;
const MAX_NICKNAME_BYTES = 128;
const MAX_AVATAR_URL_LENGTH = 500;

const graphemes = new Intl.Segmenter("zh", { granularity: "grapheme" });

/** The nickname as it is stored; empty when it is WeChat's default, which says nothing. */
export function checkNickname(value: string): string {
  // Before anything costs time: normalising can only shrink a text by so much.
  if (value.length > MAX_NICKNAME_BYTES * 4) throw nicknameInvalid("is too long");
  if (!value.isWellFormed()) throw nicknameInvalid("is not well-formed Unicode");
  const nickname = value.normalize("NFC").trim();
  if (/[\p{Cc}\u202A-\u202E\u2066-\u2069\u200E\u200F\u061C\u2028\u2029]/u.test(nickname)) {
    throw nicknameInvalid("holds control characters");
  }
  if (!/[^\p{Cf}\p{M}\p{Z}\u115F\u1160\u3164\uFFA0\u2800\p{Cn}\p{Co}]/u.test(nickname)) {
    throw nicknameInvalid("shows nothing");
  }
  if (Buffer.byteLength(nickname) > MAX_NICKNAME_BYTES) throw nicknameInvalid("is too long");
  if ([...graphemes.segment(nickname)].length > MAX_GRAPHEMES) throw nicknameInvalid("is too long");
  return nickname === DEFAULT_NICKNAME ? "" : nickname;
}

/**
 * The avatar's address as it is stored; empty when it is WeChat's grey one. Never fetched. One that was uploaded
 * to the gateway begins with `uploadedAt`, which in development is neither https nor public.
 */
export function checkAvatarUrl(value: string, uploadedAt?: string): string {
  const isUploaded = uploadedAt !== undefined && value.startsWith(uploadedAt);
  if (isUploaded && UPLOADED_PATH.test(value.slice(uploadedAt.length))) return value;
  if (value.length > MAX_AVATAR_URL_LENGTH) throw avatarInvalid("is over 500 characters");
  // URL parsing forgives tabs, new lines, back-slashes and spaces; a browser's reader might not.
  if (!/^https:\/\/[^/?#][\x21-\x5B\x5D-\x7E]+$/i.test(value))
    throw avatarInvalid("is no https address");
  const url = URL.parse(value);
  if (!url) throw avatarInvalid("is no https address");
  if (url.username || url.password || value.slice(8).split(/[/?#]/)[0]?.includes("@")) {
    throw avatarInvalid("holds user info");
  }
  if (!isPublicHost(url.hostname)) throw avatarInvalid("has no public host name");
  return GREY_AVATAR.test(value) ? "" : value;
}

function isPublicHost(hostname: string): boolean {
  const host = hostname.toLowerCase().replace(/\.$/, "");
  if (isIP(host.replace(/^\[|\]$/g, "")) !== 0 || !/[a-z]/.test(host.split(".").at(-1) ?? "")) {
    return false;
  }
  return (
    host.includes(".") &&
    !/(^|\.)(localhost|localdomain|local|internal|intranet|lan|home|corp|svc|consul|private|test|invalid|example|onion|home\.arpa)$/.test(
      host,
    )
  );
}

function nicknameInvalid(what: string): IdentityError {
  return new IdentityError("NICKNAME_INVALID", `the nickname ${what}`, { field: "nickname" });
}

function avatarInvalid(what: string): IdentityError {
  return new IdentityError("AVATAR_INVALID", `the avatar ${what}`, { field: "avatar_url" });
}
