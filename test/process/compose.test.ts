import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect, inject, it } from "vitest";
import { type ServiceProcess, startProcess } from "../support/process.ts";
import {
  buildImage,
  type Compose,
  type ComposeService,
  type Image,
  mountSecrets,
  readCompose,
} from "./compose.ts";
import { createSurroundings, login } from "./surroundings.ts";

const run = promisify(execFile);

/** What a variable's listener is called in the ready line. */
const LISTENERS: Readonly<Record<string, string>> = {
  GRPC_LISTEN: "grpc",
  CONNECT_LISTEN: "connect",
  GATEWAY_LISTEN: "http",
  OPS_LISTEN: "ops",
  SIMULATOR_LISTEN: "simulator",
};

/** The services on this machine: no containers, so other hosts and ports, and all else as written. */
class Machine {
  /** What `service:port` is here. */
  readonly addresses = new Map<string, string>();
  readonly compose: Compose;
  readonly image: Image;
  readonly dir: string;

  constructor(compose: Compose, image: Image, dir: string) {
    this.compose = compose;
    this.image = image;
    this.dir = dir;
  }

  service(name: string): ComposeService {
    const service = this.compose.services[name];
    if (!service) throw new Error(`no service ${name}`);
    return service;
  }

  start(name: string): ServiceProcess {
    const service = this.service(name);
    const to = join(this.dir, "run", name);
    mountSecrets(this.compose, service, { from: this.dir, to });
    const env: Record<string, string> = { ...this.image.env };
    for (const [key, value] of Object.entries(service.environment)) {
      const moved = this.#here(value).replace("/run/secrets/", `${to}/`);
      env[key] = key in LISTENERS ? moved.replace(/:\d+$/, ":0") : moved;
    }
    const [node, script = ""] = this.image.entrypoint;
    expect(node).toBe("node");
    const [role = "", ...more] = service.command;
    expect(more).toEqual([]);
    return startProcess(role, { env, cwd: this.image.dir, script });
  }

  /** Waits, and notes which port each of its ports became. */
  async settle(name: string, process: ServiceProcess): Promise<void> {
    const ready = await process.ready();
    for (const [key, value] of Object.entries(this.service(name).environment)) {
      const listener = LISTENERS[key];
      if (listener === undefined) continue;
      expect(ready[listener]).toMatch(/^0\.0\.0\.0:\d+$/);
      const port = ready[listener]?.split(":")[1];
      this.addresses.set(`${name}:${value.split(":")[1]}`, `127.0.0.1:${port}`);
    }
  }

  /** Runs the service's healthcheck, as it is but for the port. */
  async checkHealth(name: string): Promise<void> {
    const [kind, command = "", ...args] = this.service(name).healthcheck?.test ?? [];
    expect(kind).toBe("CMD");
    const moved = args.map((arg) => this.#here(arg.replace("127.0.0.1:", `${name}:`)));
    expect(moved).not.toEqual(args);
    const PATH = [dirname(process.execPath), process.env.PATH].join(delimiter);
    await run(command, moved, { env: { PATH }, timeout: 20_000 });
  }

  #here(text: string): string {
    let moved = text;
    for (const [there, here] of this.addresses) moved = moved.replace(there, here);
    return moved;
  }
}

/** The secrets as scripts/make-secrets.sh leaves them, but for the host in DATABASE_URL. */
async function makeSecrets(dir: string, databaseUrl: string): Promise<void> {
  mkdirSync(join(dir, "scripts"));
  const script = join(dir, "scripts", "make-secrets.sh");
  copyFileSync(new URL("../../scripts/make-secrets.sh", import.meta.url), script);
  await run("bash", [script]);
  writeFileSync(join(dir, "secrets", "database_url"), `${databaseUrl}\n`);
}

it("refuses to start without an app id", () => {
  expect(() => readCompose({})).toThrow("WX_MINI_APP_ID is the app id");
});

it("runs the services of docker-compose.yml, healthy by their own checks, up to a login", {
  timeout: 90_000,
}, async () => {
  await using opened = new AsyncDisposableStack();
  const { cwd, databaseUrl, appId } = opened.use(await createSurroundings());
  await makeSecrets(cwd, databaseUrl);
  const simulator = "http://simulator:8070";
  // All tests come from one address, and count in one Redis.
  const limits = { RATE_LIMIT_LOGIN: "1000000/1m" };
  const compose = readCompose({ WX_MINI_APP_ID: appId, WX_API_BASE_URL: simulator, ...limits });
  const built = Object.entries(compose.services).filter(([, service]) => service.build);
  expect(built.map(([name]) => name)).toEqual(["gateway", "identity", "migrate", "simulator"]);
  const machine = new Machine(compose, buildImage(join(cwd, "app")), cwd);
  machine.addresses.set("redis:6379", new URL(inject("redisUrl")).host);

  const migrate = opened.use(machine.start("migrate"));
  expect(await migrate.ended(), migrate.said.stderr).toBe(0);
  for (const name of ["simulator", "identity", "gateway"]) {
    const { NODE_ENV } = machine.service(name).environment;
    expect(NODE_ENV).toBe(name === "simulator" ? "development" : "production");
    await machine.settle(name, opened.use(machine.start(name)));
  }
  for (const name of ["identity", "gateway"]) await machine.checkHealth(name);

  const [published = ""] = machine.service("gateway").ports ?? [];
  const http = machine.addresses.get(`gateway:${published.split(":").at(-1)}`) ?? "";
  const address = machine.addresses.get(new URL(simulator).host) ?? "";
  const answer = await login(http, address, "alice");
  expect(answer).toMatchObject({ status: 200, body: { isNewUser: true } });
});
