import { createHash } from "node:crypto";

/** 28 characters that stay the same for one person in one mini program. */
export function toOpenid(appId: string, person: string): string {
  return `o${digest("openid", appId, person).slice(0, 27)}`;
}

/** 28 characters that stay the same for one person in one Open Platform account. */
export function toUnionid(unionScope: string, person: string): string {
  return `o${digest("unionid", unionScope, person).slice(0, 27)}`;
}

function digest(...parts: string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url");
}
