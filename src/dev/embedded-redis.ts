/** A Redis inside this process, on a free port of 127.0.0.1; its data ends with it. */
export interface EmbeddedRedis {
  url: string;
  close(): Promise<void>;
}

/** Starts an empty Redis. */
export async function startEmbeddedRedis(): Promise<EmbeddedRedis> {
  // Loaded on demand: a process with a REDIS_URL has no use for it.
  const { createRedisMock } = await import("js-redis-server");
  const server = await createRedisMock();
  return { url: server.url, close: () => server.close() };
}
