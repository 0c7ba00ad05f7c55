// Checks docker-compose.yml and Dockerfile; a warning counts as an error.
import { spawnSync } from "node:child_process";

const CHECKS = [
  ["dclint", "--max-warnings=0", "docker-compose.yml"],
  ["dockerfilelint", "Dockerfile"],
];

let failed = false;
for (const [tool, ...args] of CHECKS) {
  const { status, error } = spawnSync(`node_modules/.bin/${tool}`, args, { stdio: "inherit" });
  if (error) console.error(`${tool} did not run: ${error.message}`);
  if (status !== 0) failed = true;
}
process.exit(failed ? 1 : 0);
