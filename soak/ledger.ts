/** What a person knows of itself: all that was acknowledged, and what may have been done unacknowledged. */
export interface Account {
  name: string;
  /** Every user id that a login gave; one, when all is well. */
  userIds: Set<number>;
  accessToken: string;
  refreshToken: string;
  /** Nicknames are `n` and a number that only grows. */
  ackedNickname: number;
  ackedVersion: number;
  triedNickname: number;
}

/** A request that failed. */
export interface Failure {
  atMs: number;
  what: "login" | "refresh" | "change" | "read";
  reason: string;
}

/** What the whole soak has seen. */
export interface Ledger {
  accounts: Account[];
  requests: number;
  failures: Failure[];
  /** What must never be, in words. */
  wrongs: string[];
}

export function createLedger(people: number): Ledger {
  const accounts = Array.from({ length: people }, (_, number) => ({
    name: `person-${number}`,
    userIds: new Set<number>(),
    accessToken: "",
    refreshToken: "",
    ackedNickname: 0,
    ackedVersion: 0,
    triedNickname: 0,
  }));
  return { accounts, requests: 0, failures: [], wrongs: [] };
}
