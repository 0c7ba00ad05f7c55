import type { Row } from "./rows.ts";
import { median } from "./rows.ts";
import { NAMES } from "./scenarios.ts";

/** What two rows of one run are to each other, and what it is meant to be. */
export interface Ratio {
  name: string;
  /** The median over the rounds, each of which compares what was measured within seconds. */
  value: number;
  spread: readonly [number, number];
  target: string;
  isMet: boolean;
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

/** Those of the rows that there are. */
export function toRatios(rows: readonly Row[]): Ratio[] {
  return [...compareRows(rows), ...rows.flatMap(compareTimes)];
}

/** How much longer than usual a login of ours takes at worst, where half of what could come comes. */
function compareTimes({ name, kind, atHalfLoad }: Row): Ratio[] {
  if (kind !== "login") return [];
  const values = atHalfLoad.map(({ p50Ms, p99Ms }) => p99Ms / p50Ms);
  const value = median(values);
  return [
    {
      name: `p99 to p50 at half load, ${name}`,
      value,
      spread: [Math.min(...values), Math.max(...values)],
      target: `<= ${MOST_P99_TO_P50}`,
      isMet: value <= MOST_P99_TO_P50,
    },
  ];
}

function compareRows(rows: readonly Row[]): Ratio[] {
  return TARGETS.flatMap(({ name, of, to, figure, atMost, atLeast }) => {
    const [left, right] = [of, to].map((it) => rows.find((row) => row.name === it));
    if (!left || !right) return [];
    const values = left.rounds
      .map((_, round) => figure(left, round) / figure(right, round))
      .sort((a, b) => a - b);
    const value = median(values);
    const isMet = value <= (atMost ?? Infinity) && value >= (atLeast ?? 0);
    const target = atMost === undefined ? `>= ${atLeast}` : `<= ${atMost}`;
    return [{ name, value, spread: [values[0] ?? 0, values.at(-1) ?? 0], target, isMet }];
  });
}
