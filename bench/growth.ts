// Whether a login costs more the more people there are: `npm run bench:growth`.
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import postgres from "postgres";
import { createCodeSource } from "./codes.ts";
import { runBench } from "./interrupt.ts";
import { type LoadFigures, runLoad } from "./load.ts";
import { loginOverGrpc } from "./logins.ts";
import { median } from "./rows.ts";
import { openWorld, type World } from "./site.ts";
import { openStores, type Stores } from "./stores.ts";

const WARM_UP = 6_000;
const CONCURRENCY = 16;

/** Rows a statement: enough to be fast, few enough to be interrupted. */
const BATCH = 250_000;

interface Round extends LoadFigures {
  cpuMicroseconds: number;
}

async function main(interrupted: AbortSignal): Promise<void> {
  const { values } = parseArgs({
    options: {
      people: { type: "string", default: "10000,1000000,5000000" },
      logins: { type: "string", default: "3000" },
      rounds: { type: "string", default: "7" },
    },
  });
  const logins = Number(values.logins);
  await using opened = new AsyncDisposableStack();
  const stores = await openStores(opened);
  const world = await openWorld(opened, stores, interrupted);
  const subjects = [];
  for (const people of values.people.split(",").map(Number)) {
    subjects.push(await createSubject(opened, world, people, interrupted));
  }
  for (const { run } of subjects) await run(WARM_UP);
  for (let round = 1; round <= Number(values.rounds); round++) {
    process.stderr.write(`round ${round}\n`);
    // So that no round pays for the checkpoint of another.
    await stores.sql`checkpoint`;
    for (const { run, rounds } of subjects) rounds.push(await run(logins));
  }
  process.stdout.write(toText(stores, subjects));
}

/** A site with so many people in its tables, of whom any may log in. */
async function createSubject(
  opened: AsyncDisposableStack,
  world: World,
  people: number,
  signal: AbortSignal,
) {
  const site = await world.openSite();
  process.stderr.write(`registering ${people} people\n`);
  await register(site.database.url, world.appId, people, signal);
  const identity = await site.start("identity");
  const login = loginOverGrpc(opened, identity, world.appId);
  const issueCodes = createCodeSource(opened, world, () => `person-${randomInt(people) + 1}`);
  const perform = async (code: string) => {
    if (await login(code)) throw new Error("a known person was registered");
  };
  const run = async (logins: number): Promise<Round> => {
    const codes = await issueCodes(logins);
    const before = await identity.metric("process_cpu_seconds_total");
    const figures = await runLoad(perform, codes, { concurrency: CONCURRENCY, signal });
    const seconds = (await identity.metric("process_cpu_seconds_total")) - before;
    return { ...figures, cpuMicroseconds: (seconds * 1e6) / logins };
  };
  return { people, run, rounds: [] as Round[] };
}

/** As the service would have, with the openids that the simulator gives to person-1 and on. */
async function register(url: string, appId: string, people: number, signal: AbortSignal) {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    for (let first = 1; first <= people; first += BATCH) {
      signal.throwIfAborted();
      const last = Math.min(first + BATCH - 1, people);
      await sql`
        insert into users (id, username, nickname, registration_source)
        select id, 'wx_' || left(md5(id::text), 16), '微信用户', 'miniapp'
        from generate_series(${first}::bigint, ${last}) id`;
      await sql`
        insert into mini_accounts (app_id, openid, user_id)
        select ${appId}, 'o' || left(translate(encode(sha256(convert_to(
          '["openid","' || ${appId} || '","person-' || id || '"]', 'UTF8')), 'base64'), '+/', '-_'), 27), id
        from generate_series(${first}::bigint, ${last}) id`;
    }
    await sql`select setval(pg_get_serial_sequence('users', 'id'), ${people})`;
    await sql`vacuum analyze`;
  } finally {
    await sql.end();
  }
}

function toText({ descriptions }: Stores, subjects: { people: number; rounds: Round[] }[]): string {
  const of = (rounds: readonly Round[], figure: keyof Round) =>
    median(rounds.map((round) => round[figure]));
  const [least] = subjects;
  const lines = subjects.map(({ people, rounds }) => {
    const compared = (figure: keyof Round) => {
      const ratios = rounds.map((it, index) => it[figure] / (least?.rounds[index]?.[figure] ?? 1));
      return median(ratios).toFixed(2);
    };
    return `${people.toLocaleString("en").padStart(9)} people: ${Math.round(of(rounds, "loginsPerSecond"))} logins/s, \
p50 ${of(rounds, "p50Ms").toFixed(1)} ms (${compared("p50Ms")}), p99 ${of(rounds, "p99Ms").toFixed(1)} ms, \
CPU ${Math.round(of(rounds, "cpuMicroseconds"))} µs (${compared("cpuMicroseconds")})\n`;
  });
  const rounds = least?.rounds.length ?? 0;
  return `Returning logins of anybody, ${CONCURRENCY} at a time, the medians of ${rounds} rounds in turns; in brackets
what it is of the first. CPU is identity's. ${descriptions.join(", ")}.
${lines.join("")}`;
}

await runBench(main);
