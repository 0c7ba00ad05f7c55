import { mkdirSync, writeFileSync } from "node:fs";
import type { Ratio } from "./ratios.ts";
import { type Row, type Summary, summarise, sumOfCpu } from "./rows.ts";
import type { Heading } from "./table.ts";

const FOLDER = new URL("./results/", import.meta.url);

/** Writes every round as JSON, and the CPU of each row as a chart, into bench/results/. */
export function writeResults(heading: Heading, rows: readonly Row[], ratios: readonly Ratio[]) {
  mkdirSync(FOLDER, { recursive: true });
  const name = new Date().toISOString().slice(0, 19).replaceAll(":", "");
  const json = JSON.stringify({ node: process.version, ...heading, rows, ratios }, null, 2);
  writeFileSync(new URL(`${name}.json`, FOLDER), `${json}\n`);
  writeFileSync(new URL(`${name}.svg`, FOLDER), toChart(rows));
  return `bench/results/${name}.json and .svg`;
}

const [LABEL_WIDTH, BAR_WIDTH, ROW_HEIGHT] = [240, 420, 28];

/** A bar for the median, and a line from the least to the most. */
function toChart(rows: readonly Row[]): string {
  const cpus = rows.map((row) => summarise(row, sumOfCpu));
  const most = Math.max(...cpus.map(({ max }) => max));
  const x = (us: number) => (LABEL_WIDTH + (us / most) * BAR_WIDTH).toFixed(1);
  const bars = rows.map((row, index) => toBar(row, cpus[index] as Summary, index, x));
  const height = (rows.length + 2) * ROW_HEIGHT;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 ${height}" font-family="sans-serif" font-size="13">
<rect width="760" height="${height}" fill="#fff"/>
<text x="12" y="20" font-weight="bold">CPU of the servers per operation, µs</text>
${bars.join("\n")}
</svg>
`;
}

const FILLS: Readonly<Record<Row["kind"], string>> = {
  login: "#2f7d5b",
  baseline: "#9aa5ad",
  operation: "#5b8bbf",
};

function toBar(
  { name, kind }: Row,
  { median, min, max }: Summary,
  index: number,
  x: (us: number) => string,
): string {
  const y = (index + 1) * ROW_HEIGHT + 8;
  const width = Number(x(median)) - LABEL_WIDTH;
  return `<text x="${LABEL_WIDTH - 8}" y="${y + 14}" text-anchor="end">${name}</text>
<rect x="${LABEL_WIDTH}" y="${y}" width="${width.toFixed(1)}" height="18" fill="${FILLS[kind]}"/>
<path d="M${x(min)} ${y + 9}H${x(max)}" stroke="#222"/>
<text x="${Number(x(max)) + 6}" y="${y + 14}">${Math.round(median)}</text>`;
}
