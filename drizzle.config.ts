import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "postgresql",
  schema: "./src/identity/store/schema.ts",
  out: "./drizzle",
});
