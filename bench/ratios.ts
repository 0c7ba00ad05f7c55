import type { Row } from "./rows.ts";
import { median } from "./rows.ts";
import { NAMES } from "./scenarios.ts";

/** What two rows of one run are to each other, and what it is meant to be. */
export interface Ratio extends Comparison {
  name: string;
  target: string;
  isMet: boolean;
  /** The same of the floor in place of ours: what is left when nothing but the steps of a login is done. */
  floor: Comparison | undefined;
}

/** Over the rounds, each of which compares what was measured within seconds. */
export interface Comparison {
  /** The median. */
  value: number;
  spread: readonly [number, number];
}

type Figure = (row: Row, round: number) => number;

const cpu: Figure = ({ rounds }, round) =>
  rounds[round]?.cpuMicroseconds.reduce((sum, us) => sum + us, 0) ?? 0;
const firstCpu: Figure = ({ rounds }, round) => rounds[round]?.cpuMicroseconds[0] ?? 0;
const rate: Figure = ({ rounds }, round) => rounds[round]?.loginsPerSecond ?? 0;

interface Target {
  name: string;
  of: string;
  to: string;
  figure: Figure;
  atMost?: number;
  atLeast?: number;
}

const TARGETS: readonly Target[] = [
  { name: "CPU, identity to the floor", of: NAMES.grpc, to: NAMES.floor, figure: cpu, atMost: 1.2 },
  {
    name: "CPU, all in one to the original",
    of: NAMES.all,
    to: NAMES.original,
    figure: cpu,
    atMost: 0.85,
  },
  {
    name: "CPU, gateway and identity to the original",
    of: NAMES.gateway,
    to: NAMES.original,
    figure: cpu,
    atMost: 1.35,
  },
  {
    name: "CPU, the gateway's own to the bare hop",
    of: NAMES.gateway,
    to: NAMES.hop,
    figure: firstCpu,
    atMost: 1.15,
  },
  {
    name: "rate, VerifyToken to the echo",
    of: "VerifyToken",
    to: NAMES.echo,
    figure: rate,
    atLeast: 0.2,
  },
  {
    name: "rate, RefreshToken to the echo",
    of: "RefreshToken",
    to: NAMES.echo,
    figure: rate,
    atLeast: 0.15,
  },
];

const MOST_P99_TO_P50 = 3;

/** What each login of ours is at least. */
const FLOORS: Readonly<Record<string, string>> = {
  [NAMES.grpc]: NAMES.floor,
  [NAMES.connect]: NAMES.floor,
  [NAMES.gateway]: NAMES.floorInTwo,
  [NAMES.all]: NAMES.floorHttp,
};

/** Those of the rows that there are. */
export function toRatios(rows: readonly Row[]): Ratio[] {
  const find = (name: string | undefined) => rows.find((row) => row.name === name);
  const ours = rows.filter(({ kind }) => kind === "login");
  return [
    ...TARGETS.flatMap((target) => compareRows(target, find)),
    ...ours.map((row) => compareTimes(row, find(FLOORS[row.name]))),
  ];
}

function compareRows(
  { name, of, to, figure, atMost, atLeast }: Target,
  find: (name: string | undefined) => Row | undefined,
): Ratio[] {
  const [left, right, floor] = [find(of), find(to), find(FLOORS[of])];
  if (!left || !right) return [];
  const compare = (row: Row) =>
    summarise(row.rounds.map((_, round) => figure(row, round) / figure(right, round)));
  const ratio = compare(left);
  const isMet = ratio.value <= (atMost ?? Infinity) && ratio.value >= (atLeast ?? 0);
  const target = atMost === undefined ? `>= ${atLeast}` : `<= ${atMost}`;
  return [
    { name, ...ratio, target, isMet, floor: floor && floor !== right ? compare(floor) : undefined },
  ];
}

/** How much longer than usual a login of ours takes at worst, where half of what could come comes. */
function compareTimes(row: Row, floor: Row | undefined): Ratio {
  const compare = ({ atHalfLoad }: Row) =>
    summarise(atHalfLoad.map(({ p50Ms, p99Ms }) => p99Ms / p50Ms));
  const ratio = compare(row);
  return {
    name: `p99 to p50 at half load, ${row.name}`,
    ...ratio,
    target: `<= ${MOST_P99_TO_P50}`,
    isMet: ratio.value <= MOST_P99_TO_P50,
    floor: floor && compare(floor),
  };
}

function summarise(values: readonly number[]): Comparison {
  return { value: median(values), spread: [Math.min(...values), Math.max(...values)] };
}
