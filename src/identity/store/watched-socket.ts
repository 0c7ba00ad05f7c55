import { connect, type Socket } from "node:net";

const CHECK_INTERVAL_MS = 1_000;

/** Where postgres.js wants to connect to: its parsed options. */
interface Target {
  host: string[];
  port: number[];
  /** A Unix socket, in place of the two. */
  path?: string | false;
}

/**
 * Sockets for postgres.js that are closed after `silenceMs` without a byte. When a server vanishes
 * without a word, its connections would otherwise wait for TCP to give up, which takes 15 minutes.
 */
export function createSocketFactory(silenceMs: number): (target: Target) => Socket {
  let attempt = 0;
  return ({ host, port, path }) => {
    const index = attempt++ % host.length;
    const socket = path ? connect(path) : connect(port[index] as number, host[index]);
    // postgres.js reads it for TLS.
    Object.assign(socket, { host: host[index], port: port[index] });
    closeWhenSilent(socket, silenceMs);
    closeWithoutError(socket);
    return socket;
  };
}

/** By counting bytes: postgres.js removes every listener when it puts TLS on top. */
function closeWhenSilent(socket: Socket, silenceMs: number): void {
  let bytes = 0;
  let changedAtMs = performance.now();
  const timer = setInterval(() => {
    const nowBytes = socket.bytesRead + socket.bytesWritten;
    if (socket.destroyed) clearInterval(timer);
    else if (nowBytes !== bytes) [bytes, changedAtMs] = [nowBytes, performance.now()];
    else if (performance.now() - changedAtMs > silenceMs) socket.destroy();
  }, CHECK_INTERVAL_MS);
  timer.unref();
}

/**
 * postgres.js 3.4.9 forgets the query that it was handed between a socket's `error` and its `close`,
 * unless the latter says that there was none.
 */
function closeWithoutError(socket: Socket): void {
  const emit = socket.emit.bind(socket) as (event: string, ...values: unknown[]) => boolean;
  socket.emit = (event: string, ...values: unknown[]) =>
    event === "close" ? emit("close", false) : emit(event, ...values);
}
