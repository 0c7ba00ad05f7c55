// Where every process begins: how Node is to load what comes, then the role (run.ts).
import "./quick-imports.ts";

await import("./run.ts");
