import type { Caller } from "./callers.ts";
import { toUserId } from "./directory.ts";
import { IdentityError } from "./errors.ts";
import { isE164, type Phones } from "./phones.ts";
import { AUDIT_KINDS, type AuditLogStore, type NotedEvent } from "./store/audit-log.ts";
import type { Page } from "./store/page.ts";
import type { UserSearchStore } from "./store/user-search.ts";
import type { User } from "./store/users.ts";

const MAX_PAGE_SIZE = 100;
const DEFAULT_PAGE_SIZE = 50;

/** As long as a nickname may be. */
const MAX_PREFIX_BYTES = 128;

export interface OperatorListDeps {
  userSearch: UserSearchStore;
  auditLog: AuditLogStore;
  phones: Phones;
}

/** Which part of a list (AIP-158). */
export interface PageInput {
  /** 0 for the usual size. */
  pageSize: number;
  /** Empty for the first. */
  pageToken: string;
}

/** Empty where it does not matter. */
export interface SearchInput extends PageInput {
  nicknamePrefix: string;
  username: string;
  phone: string;
  disabled?: boolean | undefined;
}

export interface AuditInput extends PageInput {
  kind: string;
  /** 0 where it does not matter. */
  userId: bigint;
}

export interface List<Item> {
  items: Item[];
  /** Empty after the last page. */
  nextPageToken: string;
}

/** People by what is known of them, the latest registered first. */
export async function searchUsers(
  { userSearch, phones }: OperatorListDeps,
  { nicknamePrefix, username, phone, disabled, ...input }: SearchInput,
  by: Caller,
): Promise<List<User>> {
  const page = toPage(input);
  if (Buffer.byteLength(nicknamePrefix) > MAX_PREFIX_BYTES || nicknamePrefix.includes("\0")) {
    throw invalid("nickname_prefix", `is not a text of at most ${MAX_PREFIX_BYTES} bytes`);
  }
  if (username && !/^[\w-]{1,64}$/.test(username)) throw invalid("username", "is not one");
  if (phone && !isE164(phone)) throw invalid("phone", "is not one as E.164 writes it");
  const criteria = {
    nicknamePrefix: nicknamePrefix.normalize("NFC") || undefined,
    username: username || undefined,
    phoneIndex: phone ? phones.indexOf(phone) : undefined,
    disabled,
  };
  return toList(await userSearch.search(criteria, page, by.name), page);
}

/** What was noted for operators, the latest first. */
export async function listAuditEvents(
  { auditLog }: OperatorListDeps,
  { kind: kindName, userId, ...input }: AuditInput,
): Promise<List<NotedEvent>> {
  const page = toPage(input);
  const kind = AUDIT_KINDS.find((name) => name === kindName);
  if (kindName && !kind) throw invalid("kind", "is none");
  const criteria = { kind, userId: userId ? toUserId(userId, "user_id") : undefined };
  return toList(await auditLog.list(criteria, page), page);
}

/** One more than is asked for: it tells whether there is another page. */
function toPage({ pageSize, pageToken }: PageInput): Page {
  if (pageSize < 0 || pageSize > MAX_PAGE_SIZE) {
    throw invalid("page_size", `is not 1 to ${MAX_PAGE_SIZE}`);
  }
  if (!/^(|[1-9]\d{0,14})$/.test(pageToken)) throw invalid("page_token", "is not one of ours");
  const before = pageToken ? Number(pageToken) : undefined;
  return { limit: (pageSize || DEFAULT_PAGE_SIZE) + 1, before };
}

function toList<Item extends { id: number }>(found: readonly Item[], { limit }: Page): List<Item> {
  const items = found.slice(0, limit - 1);
  return { items, nextPageToken: found.length < limit ? "" : String(items.at(-1)?.id) };
}

function invalid(field: string, why: string): IdentityError {
  return new IdentityError("INVALID_FIELD", `${field} ${why}`, { field });
}
