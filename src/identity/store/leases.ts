import { sql } from "drizzle-orm";
import type { Db } from "./db.ts";
import { leases } from "./schema.ts";

/** Work that one process at a time does for all. */
export interface LeaseStore {
  /** Takes or renews it; false while it is somebody else's. By the database's clock. */
  hold(name: string, holder: string, forSeconds: number): Promise<boolean>;
  /** Leaves it to whoever asks next. */
  release(name: string, holder: string): Promise<void>;
}

export function createLeaseStore({ orm, run }: Db): LeaseStore {
  return {
    hold: async (name, holder, forSeconds) => {
      const expiresAt = sql`now() + make_interval(secs => ${forSeconds})`;
      const held = await run(
        () =>
          orm
            .insert(leases)
            .values({ name, holder, expiresAt })
            .onConflictDoUpdate({
              target: leases.name,
              set: { holder, expiresAt },
              setWhere: sql`${leases.holder} = ${holder} or ${leases.expiresAt} < now()`,
            })
            .returning({ name: leases.name }),
        { repeatable: true },
      );
      return held.length > 0;
    },
    release: async (name, holder) => {
      await run(() =>
        orm
          .update(leases)
          .set({ expiresAt: sql`now()` })
          .where(sql`${leases.name} = ${name} and ${leases.holder} = ${holder}`),
      );
    },
  };
}
