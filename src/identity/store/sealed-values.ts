import { type SQL, sql } from "drizzle-orm";
import type { Db } from "./db.ts";

/** A value encrypted under MASTER_KEYS, and whose it is. */
export interface SealedValue {
  kind: "signing_key" | "data_key" | "phone";
  id: string;
  sealed: string;
}

/** Everything in the database that is encrypted under MASTER_KEYS. */
export interface SealedValueStore {
  /** The kids of the master keys without which something does not open. */
  masterKids(): Promise<string[]>;
  /** Up to `limit` values that were not encrypted under this key. */
  notUnder(kid: string, limit: number): Promise<SealedValue[]>;
  /** Puts another in its place; false when it was changed meanwhile. */
  replace(value: SealedValue, fresh: string): Promise<boolean>;
}

interface Place {
  table: SQL;
  column: SQL;
  id: SQL;
  type: SQL;
}

/** Where such values lie. */
const PLACES = {
  signing_key: {
    table: sql`signing_keys`,
    column: sql`encrypted_private_key`,
    id: sql`kid`,
    type: sql`text`,
  },
  data_key: { table: sql`data_keys`, column: sql`sealed`, id: sql`name`, type: sql`text` },
  phone: { table: sql`users`, column: sql`phone_sealed`, id: sql`id`, type: sql`bigint` },
} as const satisfies Record<SealedValue["kind"], Place>;

export function createSealedValueStore({ orm, run }: Db): SealedValueStore {
  const repeatable = { repeatable: true };
  return {
    masterKids: async () => {
      const rows = await run(() => orm.execute<{ kid: string }>(MASTER_KIDS), repeatable);
      return rows.map(({ kid }) => kid);
    },
    notUnder: async (kid, limit) => {
      const selects = Object.entries(PLACES).map(([kind, { table, column, id }]) => {
        const own = kidOf(column);
        // In two ranges, which an index can find.
        return sql`select ${kind}::text as kind, ${id}::text as id, ${column} as sealed from ${table}
          where ${column} is not null and (${own} < ${kid} or ${own} > ${kid})`;
      });
      const all = sql`${sql.join(selects, sql` union all `)} limit ${limit}`;
      return [...(await run(() => orm.execute<Row>(all), repeatable))];
    },
    replace: async ({ kind, id, sealed }, fresh) => {
      const { table, column, ...key } = PLACES[kind];
      const update = sql`update ${table} set ${column} = ${fresh}
        where ${key.id} = ${id}::${key.type} and ${column} = ${sealed} returning 1`;
      return (await run(() => orm.execute(update))).length > 0;
    },
  };
}

type Row = SealedValue & Record<string, unknown>;

/** What a sealed value begins with. */
function kidOf(column: SQL): SQL {
  return sql`split_part(${column}, '.', 1)`;
}

/** Of the phone numbers by skipping through their index: there are few keys and many numbers. */
const MASTER_KIDS = sql`
  with recursive phone_kids as (
    (select split_part(phone_sealed, '.', 1) as kid from users where phone_sealed is not null
     order by split_part(phone_sealed, '.', 1) limit 1)
    union all
    select (select split_part(phone_sealed, '.', 1) from users
            where phone_sealed is not null and split_part(phone_sealed, '.', 1) > phone_kids.kid
            order by split_part(phone_sealed, '.', 1) limit 1)
    from phone_kids where kid is not null
  )
  select kid from phone_kids where kid is not null
  union select split_part(sealed, '.', 1) from data_keys
  union select split_part(encrypted_private_key, '.', 1) from signing_keys where state <> 'retired'`;
