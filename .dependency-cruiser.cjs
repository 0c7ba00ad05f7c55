// The doors of ARCHITECTURE.md: who may import what.
const only = (name, packages, places, comment) => ({
  name,
  comment,
  severity: "error",
  from: { path: "^src/", pathNot: places },
  to: { path: packages },
});

const never = (name, from, to, comment) => ({ name, comment, severity: "error", from, to });

const packages = (...names) => names.map((name) => `(^|/)node_modules/${name}(/|$)`);

module.exports = {
  forbidden: [
    never(
      "no-cycles",
      {},
      // Types vanish before Node runs the file.
      { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
      "A cycle cannot be read top to bottom.",
    ),
    never(
      "gateway-apart",
      { path: "^src/gateway/" },
      { path: "^src/identity/" },
      "They meet in gen/, client.ts, config.ts and log.ts.",
    ),
    never(
      "identity-apart",
      { path: "^src/identity/" },
      { path: "^src/gateway/" },
      "They meet in gen/, client.ts, config.ts and log.ts.",
    ),
    never(
      "errors-and-ids-import-nothing",
      { path: "^src/identity/(errors|ids)\\.ts$" },
      {},
      "Everything else in identity rests on them.",
    ),
    never(
      "rpc-on-top",
      { path: "^src/identity/", pathNot: "^src/identity/(rpc/|index\\.ts$)" },
      { path: "^src/identity/rpc/" },
      "Use cases know nothing of the wire; only the composition root joins the two.",
    ),
    never(
      "store-and-platforms-below",
      { path: "^src/identity/(store|platforms)/" },
      { path: "^src/identity/(login|profile|tokens|keys|mini-apps|index)\\.ts$" },
      "Nothing imports upward.",
    ),
    only(
      "wire-packages",
      [...packages("@connectrpc", "@grpc", "grpc-health-check", "@bufbuild"), "^src/gen/"],
      "^src/(identity/rpc/|gateway/|dev/|gen/|client(-errors|-channel)?\\.ts$|grpc-definition\\.ts$)",
      "protobuf, gRPC and Connect stay at the wire.",
    ),
    only(
      "store-packages",
      packages("drizzle-orm", "postgres"),
      "^src/identity/store/",
      "SQL stays in the store.",
    ),
    only(
      "redis-packages",
      packages("ioredis", "rate-limiter-flexible"),
      "^src/(redis-client\\.ts$|rate-counter\\.ts$|identity/store/)",
      "Every connection to Redis has the same bounds.",
    ),
    only(
      "jose",
      packages("jose"),
      "^src/(access-token|token-verifier|identity/keys)\\.ts$",
      "Tokens are made and read in one place.",
    ),
    only(
      "outbound-http",
      packages("undici"),
      "^src/(identity/platforms/|gateway/avatar-s3\\.ts$)",
      "Calls to the outside have limits of their own.",
    ),
    only(
      "image-package",
      packages("sharp"),
      "^src/gateway/avatar-image\\.ts$",
      "Anybody's images are opened in one place.",
    ),
    only(
      "s3-package",
      packages("aws4fetch"),
      "^src/gateway/avatar-s3\\.ts$",
      "The store of avatars has one way in.",
    ),
    never(
      "dev-stays-out",
      { path: "^src/", pathNot: "^src/(dev/|roles\\.ts$)" },
      { path: "^src/dev/" },
      "roles.ts loads it on demand, so production never does.",
    ),
    never(
      "dev-on-demand",
      { path: "^src/roles\\.ts$" },
      { path: "^src/dev/", dynamic: false, dependencyTypesNot: ["type-only"] },
      "A static import would load it in production.",
    ),
    never(
      "cli-on-demand",
      { path: "^src/", pathNot: "^src/(cli/|roles\\.ts$)" },
      { path: "^src/cli/" },
      "Operators' commands are no part of a service.",
    ),
    never("resolves", {}, { couldNotResolve: true }, "An import that leads nowhere."),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      conditionNames: ["import", "types", "node", "default"],
      exportsFields: ["exports"],
      extensions: [".ts", ".js", ".d.ts"],
    },
  },
};
