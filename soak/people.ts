import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Dispatcher } from "undici";
import type { Account, Failure, Ledger } from "./ledger.ts";

/** Between two things that a person does. */
const PAUSE_MS = 900;

/** Before a person asks again. */
const AGAIN_MS = 300;

/** A refresh is safe to ask for again for 10 s; whoever got no answer by then logs in anew. */
const REFRESH_TRIES = 15;

/** What the people need of the world. */
export interface World {
  gateway: Dispatcher;
  takeCode(person: string): Promise<string>;
  ledger: Ledger;
  /** Aborted when they are to stop, after what they are doing. */
  over: AbortSignal;
}

/** Lives until it is over: logs in, then refreshes, changes and reads its profile, and logs in again. */
export async function live(world: World, account: Account, number: number): Promise<void> {
  // Not all at once.
  await sleep((number * PAUSE_MS) / world.ledger.accounts.length);
  await login(world, account);
  for (let turn = number; !world.over.aborted; turn++) {
    await sleep(PAUSE_MS);
    const kind = turn % 10;
    if (kind === 0) await login(world, account);
    else if (kind % 3 === 0) await refresh(world, account);
    else if (kind % 3 === 1) await change(world, account);
    else await read(world, account);
  }
}

/** Asks for the tokens of the login once more, as at the end of the soak. */
export async function refresh(world: World, account: Account): Promise<boolean> {
  const headers = { "idempotency-key": randomUUID() };
  const { refreshToken } = account;
  for (let attempt = 0; attempt < REFRESH_TRIES; attempt++) {
    const answer = await ask(world, "refresh", {
      method: "POST",
      path: "/api/v1/auth/refresh",
      headers,
      body: { refreshToken },
    });
    if (answer.status === 200) {
      account.accessToken = answer.body.token;
      account.refreshToken = answer.body.refreshToken;
      return true;
    }
    if (answer.status === 401) break;
    await sleep(AGAIN_MS);
  }
  world.ledger.wrongs.push(`${account.name} was signed out: its refresh was refused`);
  if (!world.over.aborted) await login(world, account);
  return false;
}

async function login(world: World, account: Account): Promise<void> {
  while (!world.over.aborted) {
    const code = await world.takeCode(account.name);
    const answer = await ask(world, "login", {
      method: "POST",
      path: "/api/v1/auth/mini-login",
      headers: { "idempotency-key": randomUUID() },
      body: { code },
    });
    if (answer.status === 200) {
      account.userIds.add(answer.body.user.id);
      account.accessToken = answer.body.token;
      account.refreshToken = answer.body.refreshToken;
      return;
    }
    await sleep(AGAIN_MS);
  }
}

async function change(world: World, account: Account): Promise<void> {
  const number = ++account.triedNickname;
  const answer = await ask(world, "change", {
    method: "PATCH",
    path: "/api/v1/users/me",
    headers: { authorization: `Bearer ${account.accessToken}` },
    body: { nickname: `n${number}` },
  });
  if (answer.status !== 200) return;
  account.ackedNickname = number;
  account.ackedVersion = answer.body.version;
}

async function read(world: World, account: Account): Promise<void> {
  const headers = { authorization: `Bearer ${account.accessToken}` };
  const answer = await ask(world, "read", { method: "GET", path: "/api/v1/users/me", headers });
  if (answer.status !== 200) return;
  const { nickname, version } = answer.body;
  const seen = Number(nickname.slice(1)) || 0;
  if (version < account.ackedVersion || (account.ackedNickname && seen < account.ackedNickname)) {
    world.ledger.wrongs.push(`${account.name} read less than it had written: ${nickname}`);
  }
}

interface Request {
  method: "GET" | "POST" | "PATCH";
  path: string;
  headers: Record<string, string>;
  body?: object;
}

/** What any of the answers may hold. */
interface Answer {
  token: string;
  refreshToken: string;
  user: { id: number };
  nickname: string;
  version: number;
  reason?: string;
}

/** One request; what fails is booked. */
async function ask(
  { gateway, ledger }: World,
  what: Failure["what"],
  { method, path, headers, body }: Request,
): Promise<{ status: number; body: Answer }> {
  ledger.requests++;
  const fail = (reason: string) => ledger.failures.push({ atMs: Date.now(), what, reason });
  try {
    const answer = await gateway.request({
      method,
      path,
      headers: { ...headers, ...(body ? { "content-type": "application/json" } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const parsed = (await answer.body.json()) as Answer;
    if (answer.statusCode !== 200) fail(parsed.reason ?? `status ${answer.statusCode}`);
    return { status: answer.statusCode, body: parsed };
  } catch (error) {
    fail(`no answer: ${(error as { code?: string }).code ?? (error as Error).name}`);
    return { status: 0, body: {} as Answer };
  }
}
