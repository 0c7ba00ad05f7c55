/** The result, or the error when it takes longer than `timeoutMs`. */
export function withTimeout<T>(
  running: Promise<T>,
  timeoutMs: number,
  toError: () => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = after(timeoutMs, () => reject(toError()));
    running.then(resolve, reject).finally(stop);
  });
}

const STEPS = 3;

/**
 * A timer that a busy process does not let run out unseen: it goes in steps, and after each the process
 * reads what has arrived. That may be the reply, or the half of an exchange that goes back and forth.
 */
export function after(timeoutMs: number, expire: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  let immediate: NodeJS.Immediate | undefined;
  const step = (number: number) => {
    timer = setTimeout(() => {
      immediate = setImmediate(() => (number < STEPS ? step(number + 1) : expire()));
    }, timeoutMs / STEPS);
  };
  step(1);
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}
