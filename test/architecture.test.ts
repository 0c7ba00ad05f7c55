import { globSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const sources = globSync("src/**/*.ts", { exclude: ["src/gen/**"] }).map((path) => {
  const text = readFileSync(path, "utf8");
  return { path, text, lines: text.split("\n").length - 1 };
});
const containing = (pattern: RegExp) =>
  sources.filter(({ text }) => pattern.test(text)).map(({ path }) => path);

// Who may import whom stands in .dependency-cruiser.cjs; this is what an import graph cannot tell.
describe("the sources", () => {
  it("are there", () => expect(sources.length).toBeGreaterThan(40));

  it("read the environment in config.ts only", () => {
    expect(containing(/\bprocess\.env\b|loadEnvFile/)).toEqual(["src/config.ts"]);
  });

  it("reach other machines by undici in platforms/ only", () => {
    // The client runs in other services.
    expect(containing(/\bfetch\(/)).toEqual(["src/token-verifier.ts"]);
  });

  it("end the process in run.ts only", () => {
    expect(containing(/\bprocess\.exit(Code)?\b/)).toEqual(["src/run.ts"]);
  });

  it("hold no stub, no bare console, no loosened type", () => {
    expect(containing(/\b(TODO|FIXME|XXX)\b|console\.\w+\(|: any\b|as any\b|@ts-ignore/)).toEqual(
      [],
    );
  });

  it("are short", () => {
    const lengths = sources.map(({ lines }) => lines).toSorted((a, b) => a - b);
    expect(lengths[Math.floor(lengths.length / 2)]).toBeLessThan(100);
    expect(sources.filter(({ lines }) => lines > 300).map(({ path }) => path)).toEqual([]);
  });

  it("are named in kebab-case", () => {
    expect(sources.filter(({ path }) => !/^[a-z0-9/.-]+$/.test(path))).toEqual([]);
  });
});

describe("the proto", () => {
  it("is what src/gen was made of", () => {
    const generated = readFileSync("src/gen/identity/v1/identity_service_pb.js", "utf8");
    const proto = readFileSync("proto/identity/v1/identity_service.proto", "utf8");
    const methods = [...proto.matchAll(/rpc (\w+)\(/g)].map(([, name]) => name);
    expect(methods.length).toBeGreaterThan(3);
    for (const name of methods) {
      expect(generated.includes(`${name}Request`), name).toBe(true);
    }
  });
});
