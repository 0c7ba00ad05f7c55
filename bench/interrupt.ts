/** Runs a bench to its end, or until a signal ends it; says why it failed, once everything is tidy. */
export async function runBench(main: (interrupted: AbortSignal) => Promise<void>): Promise<void> {
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    // Each time: a second Ctrl-C must not keep us from tidying up.
    process.on(signal, () => interrupt.abort(new Error(`ended by ${signal}`)));
  }
  await main(interrupt.signal).catch((error: Error) => {
    process.exitCode = interrupt.signal.aborted ? 130 : 1;
    process.stderr.write(`bench: ${toReason(error)}\n`);
  });
}

/** What went wrong first, then what else did while tidying up. */
function toReason(error: Error): string {
  if (!(error instanceof SuppressedError)) return error.message;
  return `${toReason(error.suppressed)}; ${toReason(error.error)}`;
}
