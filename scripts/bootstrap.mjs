// Installs what package-lock.json asks for, when it is newer than what is installed.
// Runs before the npm scripts, on any Node from 20 on, with nothing installed.
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";

const mtimeMs = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

if (mtimeMs("package-lock.json") > mtimeMs("node_modules/.package-lock.json")) {
  console.error("mini-identity: installing packages (npm ci) …");
  const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    stdio: ["ignore", 2, 2],
  });
  process.exit(status ?? 1);
}
