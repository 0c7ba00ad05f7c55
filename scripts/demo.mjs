// Builds the mini program for the browser, once; `npm start` serves it at /demo/.
// Its packages are many and its own, so they are installed only for this.
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";

const mtimeMs = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

function run(...args) {
  console.error(`mini-identity: npm ${args.join(" ")} (in mini/) …`);
  const { status } = spawnSync("npm", args, { cwd: "mini", stdio: ["ignore", 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
}

if (mtimeMs("mini/package-lock.json") > mtimeMs("mini/node_modules/.package-lock.json")) {
  run("ci", "--no-audit", "--no-fund", "--loglevel=error");
}
run("run", "build:h5");
console.error("\nThe demo is built. Run `npm start` and open http://127.0.0.1:8080/demo/\n");
