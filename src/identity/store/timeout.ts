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

/** A timer that lets what has arrived be read first: on a busy process that may be the reply. */
export function after(timeoutMs: number, expire: () => void): () => void {
  let immediate: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    immediate = setImmediate(expire);
  }, timeoutMs);
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}
