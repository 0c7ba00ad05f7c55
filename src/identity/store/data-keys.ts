import { eq } from "drizzle-orm";
import type { Db } from "./db.ts";
import { dataKeys } from "./schema.ts";

export interface DataKeyStore {
  /** The sealed key of this name; `fresh` is kept as it when there is none yet. */
  findOrAdd(name: string, fresh: string): Promise<string>;
}

export function createDataKeyStore({ orm, run }: Db): DataKeyStore {
  return {
    findOrAdd: async (name, fresh) => {
      await run(() => orm.insert(dataKeys).values({ name, sealed: fresh }).onConflictDoNothing(), {
        repeatable: true,
      });
      const rows = await run(() => orm.select().from(dataKeys).where(eq(dataKeys.name, name)), {
        repeatable: true,
      });
      return rows[0]?.sealed ?? fresh;
    },
  };
}
