import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A service of docker-compose.yml, as far as a process without a container goes. */
export interface ComposeService {
  build?: string;
  command: string[];
  environment: Record<string, string>;
  secrets?: string[];
  ports?: string[];
  healthcheck?: { test: string[] };
}

export interface Compose {
  services: Record<string, ComposeService>;
  secrets: Record<string, { file: string }>;
}

/** The file as `docker compose` reads it with these variables. */
export function readCompose(variables: Readonly<Record<string, string>>): Compose {
  const text = readFileSync(join(ROOT, "docker-compose.yml"), "utf8");
  return interpolateAll(parse(text, { merge: true }), variables) as Compose;
}

/** What the Dockerfile makes: its folder, with what it copies, its environment and entry point. */
export interface Image {
  dir: string;
  env: Record<string, string>;
  entrypoint: string[];
}

/** Does in `dir` what the Dockerfile's last stage says; the packages are this checkout's. */
export function buildImage(dir: string): Image {
  const stages = readFileSync(join(ROOT, "Dockerfile"), "utf8").split(/^FROM /m);
  const env: Record<string, string> = {};
  let entrypoint: string[] = [];
  mkdirSync(dir, { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(dir, "node_modules"));
  for (const line of stages.at(-1)?.split("\n") ?? []) {
    const [instruction, ...rest] = line.split(" ");
    const [first = "", second = ""] = rest;
    if (instruction === "ENV") env[first.split("=")[0] ?? ""] = first.split("=")[1] ?? "";
    if (instruction === "ENTRYPOINT") entrypoint = JSON.parse(rest.join(" "));
    if (instruction !== "COPY" || first.startsWith("--from=")) continue;
    const target = second.endsWith("/") ? join(second, first) : second;
    cpSync(join(ROOT, first), resolve(dir, target), { recursive: true });
  }
  return { dir, env, entrypoint };
}

/** Puts a service's secrets, and no others, where its containers would have them. */
export function mountSecrets(
  { secrets: files }: Compose,
  { secrets = [] }: ComposeService,
  { from, to }: { from: string; to: string },
): void {
  mkdirSync(to, { recursive: true });
  for (const name of secrets) {
    const file = files[name]?.file;
    if (file === undefined) throw new Error(`the secret ${name} is not declared`);
    writeFileSync(join(to, name), readFileSync(resolve(from, file)));
  }
}

function interpolateAll(value: unknown, variables: Readonly<Record<string, string>>): unknown {
  if (typeof value === "string") return interpolate(value, variables);
  if (Array.isArray(value)) return value.map((one) => interpolateAll(one, variables));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, one]) => [
    name,
    interpolateAll(one, variables),
  ]);
  return Object.fromEntries(entries);
}

/** `${NAME:-default}` and `${NAME:?what it is}`, where empty counts as missing. */
function interpolate(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(/\$\{([A-Z_]+):([-?])([^}]*)\}/g, (_all, name, kind, rest) => {
    const value = variables[name];
    if (value) return value;
    if (kind === "?") throw new Error(`${name} ${rest}`);
    return rest;
  });
}
