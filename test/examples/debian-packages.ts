import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

const LIST = new URL("../../examples/python/debian-packages.txt", import.meta.url);

/** Says what is missing, once and plainly, before any test fails for it. */
export default function setup(): void {
  const wanted = readFileSync(LIST, "utf8").trim().split("\n");
  const missing = wanted.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  throw new Error(
    `the tests of examples/ want these Debian packages too: apt-get install ${missing.join(" ")}`,
  );
}

/** False too where there is no dpkg at all. */
function isInstalled(name: string): boolean {
  const { stdout } = spawnSync("dpkg", ["--status", name], { encoding: "utf8" });
  return /^Status: .* installed$/m.test(stdout ?? "");
}
