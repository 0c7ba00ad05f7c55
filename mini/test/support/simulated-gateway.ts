/** A request as the gateway saw it. Header names in lower case. */
export interface Seen {
  method: string;
  path: string;
  header: Record<string, string>;
  data: unknown;
}

/** An answer as it left the gateway. */
export interface Answer {
  statusCode: number;
  header: Record<string, string>;
  data: unknown;
}

/** What goes wrong with a request: the work is done or not, and what the phone notices. */
export type Fault =
  | "lost" // done, and the answer never arrives
  | "unreachable" // not done
  | "silent" // not done, and nobody says so
  | Partial<Answer>;

interface Login {
  person: string;
  token: string;
  refreshToken: string;
  used?: { refreshToken: string; key: string | undefined };
  ended: boolean;
}

const never = new Promise<never>(() => {});

/** The rules of the service that a client has to do with, in memory. */
export class SimulatedGateway {
  readonly seen: Seen[] = [];
  /** What the avatar route received. */
  readonly avatars: { type: string | undefined; bytes: number[] }[] = [];
  readonly profile = { id: 7, username: "wx_a", nickname: "A", avatar: "", phone: "", version: 1 };
  readonly #codes = new Map<string, { person: string; key?: string; login?: Login }>();
  readonly #logins: Login[] = [];
  readonly #expired = new Set<string>();
  readonly #faults: { path: string; fault: Fault }[] = [];
  readonly #gates: { path: string; arrived: () => void; opened: Promise<void> }[] = [];
  #count = 0;

  /** A code of wx.login. */
  issueCode(person = "alice"): string {
    const code = `code-${++this.#count}`;
    this.#codes.set(code, { person });
    return code;
  }

  /** Lets the next request to a path go wrong; asked twice, the next two. */
  failNext(path: string, fault: Fault): void {
    this.#faults.push({ path, fault });
  }

  /** Holds the next answer of a path, its work done, until it is let go. */
  holdNext(path: string): { arrived: Promise<void>; release: () => void } {
    let arrived = () => {};
    let release = () => {};
    const opened = new Promise<void>((resolve) => {
      release = resolve;
    });
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    this.#gates.push({ path, arrived, opened });
    return { arrived: arrival, release };
  }

  /** Lets the time of all access tokens be over. */
  expireTokens(): void {
    for (const { token } of this.#logins) this.#expired.add(token);
  }

  /** Ends all logins, as an operator or another device would. */
  endLogins(): void {
    for (const login of this.#logins) login.ended = true;
  }

  /** How many logins are alive. */
  get alive(): number {
    return this.#logins.filter(({ ended }) => !ended).length;
  }

  /** How often a path was asked. */
  count(path: string): number {
    return this.to(path).length;
  }

  /** The requests to a path. */
  to(path: string): Seen[] {
    return this.seen.filter((request) => request.path === path);
  }

  /** One request, faults included. */
  async ask(request: Seen): Promise<Answer> {
    this.seen.push(request);
    const fault = this.#take(this.#faults, request.path)?.fault;
    if (fault === "unreachable") throw { errMsg: "request:fail" };
    if (fault === "silent") return never;
    const answer = fault && fault !== "lost" ? answered(fault) : this.#answer(request);
    const gate = this.#take(this.#gates, request.path);
    gate?.arrived();
    await gate?.opened;
    if (fault === "lost") throw { errMsg: "request:fail timeout" };
    return answer;
  }

  #take<T extends { path: string }>(from: T[], path: string): T | undefined {
    const index = from.findIndex((one) => one.path === path);
    return index < 0 ? undefined : from.splice(index, 1)[0];
  }

  #answer({ method, path, header, data }: Seen): Answer {
    const key = header["idempotency-key"];
    const body = data as Record<string, string>;
    if (path === "/api/v1/auth/mini-login") return this.#logIn(body.code ?? "", key);
    if (path === "/api/v1/auth/refresh") return this.#refresh(body.refreshToken ?? "", key);
    const token = header.authorization?.replace("Bearer ", "");
    if (token === undefined) return refused(401, "TOKEN_MISSING");
    if (this.#expired.has(token)) return refused(401, "TOKEN_EXPIRED");
    const login = this.#logins.find((one) => one.token === token);
    if (!login) return refused(401, "TOKEN_INVALID");
    if (login.ended) return refused(401, "TOKEN_REVOKED");
    const meant = header["x-http-method-override"] ?? method;
    return this.#serve(`${meant} ${path}`, { header, data }, login);
  }

  #serve(route: string, { header, data }: Pick<Seen, "header" | "data">, login: Login): Answer {
    switch (route) {
      case "GET /api/v1/users/me":
        return answered({ data: { ...this.profile, username: login.person } });
      case "PATCH /api/v1/users/me":
        if (header["if-match"] && header["if-match"] !== `"${this.profile.version}"`) {
          return refused(409, "PROFILE_CONFLICT");
        }
        Object.assign(this.profile, data, { version: this.profile.version + 1 });
        return answered({ data: { ...this.profile } });
      case "PUT /api/v1/users/me/avatar":
        this.avatars.push({
          type: header["content-type"],
          bytes: [...new Uint8Array(data as ArrayBuffer)],
        });
        return answered({ data: { avatar: "https://id.example.com/avatars/a.webp" } });
      case "POST /api/v1/users/me/phone":
        return answered({ data: { ...this.profile, phone: "138****8000" } });
      case "GET /api/v1/auth/sessions":
        return answered({ data: { sessions: [{ id: "s1", current: true }] } });
      case "GET /api/v1/users/me/export":
        return answered({ data: { user: this.profile } });
      case "DELETE /api/v1/users/me":
        this.endLogins();
        return answered({ statusCode: 202, data: { erasedAfter: "2026-12-01T00:00:00Z" } });
      case "POST /api/v1/auth/logout":
        login.ended = true;
        return answered({ statusCode: 204, data: "" });
      default:
        if (/^DELETE \/api\/v1\/auth\/sessions\//.test(route)) {
          return answered({ statusCode: 204, data: "" });
        }
        return refused(404, "ROUTE_NOT_FOUND");
    }
  }

  #logIn(code: string, key: string | undefined): Answer {
    const issued = this.#codes.get(code);
    if (!issued) return refused(400, "LOGIN_CODE_INVALID");
    if (issued.login && (key === undefined || issued.key !== key)) {
      return refused(409, "LOGIN_CODE_USED");
    }
    if (!issued.login) {
      const login = { person: issued.person, ...this.#newTokens(), ended: false };
      this.#logins.push(login);
      Object.assign(issued, { key, login });
    }
    const { token, refreshToken } = issued.login as Login;
    const user = { id: 7, username: issued.person, nickname: "A", avatar: "" };
    return answered({ data: { token, expiresIn: 7200, refreshToken, user, isNewUser: true } });
  }

  #refresh(refreshToken: string, key: string | undefined): Answer {
    const login = this.#logins.find(
      (one) => one.refreshToken === refreshToken || one.used?.refreshToken === refreshToken,
    );
    if (!login || login.ended) return refused(401, "REFRESH_TOKEN_INVALID");
    if (login.refreshToken === refreshToken) {
      Object.assign(login, this.#newTokens(), { used: { refreshToken, key } });
    } else if (key === undefined || login.used?.key !== key) {
      login.ended = true;
      return refused(401, "REFRESH_TOKEN_REUSED");
    }
    const { token, refreshToken: next } = login;
    return answered({ data: { token, expiresIn: 7200, refreshToken: next } });
  }

  #newTokens() {
    const count = ++this.#count;
    return { token: `token-${count}`, refreshToken: `refresh-${count}` };
  }
}

/** A 200 but for what is said otherwise. */
export function answered(answer: Partial<Answer>): Answer {
  return { statusCode: 200, header: {}, data: null, ...answer };
}

/** An error as the service words it. */
export function refused(statusCode: number, reason: string): Answer {
  const data = { code: statusCode, reason, message: `message of ${reason}`, requestId: "r-1" };
  return answered({ statusCode, data });
}
