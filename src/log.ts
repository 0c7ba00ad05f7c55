import cluster from "node:cluster";
import { type DestinationStream, type Logger, type LoggerOptions, pino } from "pino";
import type { LogConfig } from "./config.ts";
import { StartError } from "./start-error.ts";

export type { Logger };

/**
 * Lines are written together: one at a time, each costs a call of the system. What is left is written at
 * the exit. No more at once than a pipe takes whole, as several workers may write into one.
 */
const BUFFER = { minLength: 3_500, maxWrite: 4_096, periodicFlush: 100 };

/** JSON lines on stdout, pretty on a terminal. Secrets never get here: errors are cut to their shape. */
export function createLogger(
  config: LogConfig,
  role: string,
  /** In place of stdout. */
  destination?: DestinationStream,
): Logger {
  const options: LoggerOptions = {
    level: config.level,
    base: { role, ...(cluster.worker ? { worker: cluster.worker.id } : {}) },
    formatters: { level: (label) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: describeError },
    // By default pino takes the text of `err` for the line's own.
    errorKey: "",
  };
  if (destination) return pino(options, destination);
  if (process.stdout.isTTY && isInstalled("pino-pretty")) {
    return pino({ ...options, transport: { target: "pino-pretty" } });
  }
  return pino(options, pino.destination({ ...BUFFER, dest: 1, sync: false }));
}

/** It is not in the container, which may well have a terminal. */
function isInstalled(name: string): boolean {
  try {
    return Boolean(import.meta.resolve(name));
  } catch {
    return false;
  }
}

/** True the first time, and whenever `intervalMs` have passed since it was last. */
export function due(intervalMs: number): () => boolean {
  let lastMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (performance.now() - lastMs < intervalMs) return false;
    lastMs = performance.now();
    return true;
  };
}

/**
 * An error as the log may hold it: name, code, stack frames and causes. The message only of our own
 * errors; a driver's or an upstream's can quote parameters, URLs and bodies.
 */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error };
  const own =
    error instanceof StartError || ["IdentityError", "IdentityCallError"].includes(error.name);
  return {
    type: error.name,
    ...("code" in error ? { code: error.code } : {}),
    ...("reason" in error ? { reason: error.reason } : {}),
    ...("toDo" in error ? { toDo: error.toDo } : {}),
    ...(own ? { message: error.message } : {}),
    at: error.stack
      ?.split("\n")
      .filter((line) => /^\s+at /.test(line))
      .slice(0, 6),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}
