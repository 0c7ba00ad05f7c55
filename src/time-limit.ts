/**
 * A signal that is aborted when the caller's is, and when the time is up. Disposing forgets both:
 * AbortSignal.timeout would go on until its time is up, and make an error with a stack then.
 */
export function limitTime(
  caller: AbortSignal,
  timeoutMs: number,
  /** What it is aborted with. */
  toReason: (why: "gone" | "late") => unknown,
): Disposable & { signal: AbortSignal } {
  const controller = new AbortController();
  const abort = () => controller.abort(toReason("gone"));
  const timer = setTimeout(() => controller.abort(toReason("late")), Math.max(timeoutMs, 0));
  if (caller.aborted) abort();
  else caller.addEventListener("abort", abort, { once: true });
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      caller.removeEventListener("abort", abort);
    },
  };
}
