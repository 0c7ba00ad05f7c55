// Packs the client as a package of its own: `npm run pack:client -- [folder]`, by default `dist/`.
// Its version and those of what it needs are this project's, so that there is one place for them.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const destination = resolve(process.argv[2] ?? join(root, "dist"));
const stage = mkdtempSync(join(tmpdir(), "mini-identity-client-"));
try {
  const run = (command, args, cwd = root) => execFileSync(command, args, { cwd, encoding: "utf8" });
  run(process.execPath, [
    join(root, "node_modules/typescript/bin/tsc"),
    "--project",
    "client/tsconfig.json",
    "--outDir",
    join(stage, "dist"),
  ]);
  for (const name of ["identity", "google"]) {
    cpSync(join(root, "src/gen", name), join(stage, "dist/gen", name), { recursive: true });
  }
  for (const name of ["client/README.md", "LICENSE"]) {
    cpSync(join(root, name), join(stage, name.split("/").at(-1)));
  }
  const { version, license, dependencies } = JSON.parse(
    readFileSync(join(root, "package.json"), "utf8"),
  );
  const needed = ["@bufbuild/protobuf", "@grpc/grpc-js", "jose"];
  const manifest = {
    name: "mini-identity-client",
    version,
    description: "Log people in, verify their tokens and ask who they are, at mini-identity",
    license,
    type: "module",
    engines: { node: ">=20" },
    exports: { ".": { types: "./dist/client.d.ts", default: "./dist/client.js" } },
    files: ["dist"],
    dependencies: Object.fromEntries(needed.map((name) => [name, `^${dependencies[name]}`])),
  };
  writeFileSync(join(stage, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
  mkdirSync(destination, { recursive: true });
  const [{ filename }] = JSON.parse(
    run("npm", ["pack", "--json", "--pack-destination", destination], stage),
  );
  process.stdout.write(`${join(destination, filename)}\n`);
} finally {
  rmSync(stage, { recursive: true, force: true });
}
