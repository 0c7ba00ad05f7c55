import { connect, createServer, type Socket } from "node:net";
import { listen } from "../../src/listen.ts";

/** A TCP proxy that fails on demand. */
export interface FaultProxy extends AsyncDisposable {
  /** The URL given, through the proxy. */
  url: string;
  /** Passes everything on; the state at first. */
  heal(): void;
  /** Cuts every connection and refuses new ones. */
  cut(): void;
  /** Cuts a connection whose client sends this text, of which nothing is passed on. */
  cutAt(text: string): void;
  /** Passes on what the client sends, and nothing of what it is answered. */
  mute(): void;
  /** Passes nothing on any more. Today's connections stay open and dead, also when healed. */
  stall(): void;
}

export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const { hostname, port: targetPort } = new URL(target);
  const sockets = new Set<Socket>();
  const dead = new WeakSet<Socket>();
  let state: "heal" | "cut" | "mute" | "stall" = "heal";
  let forbidden: string | undefined;
  const pass = (from: Socket, to: Socket, isReply: boolean) => {
    sockets.add(from);
    from.on("data", (bytes) => {
      if (!isReply && forbidden !== undefined && bytes.includes(forbidden)) {
        from.destroy();
        return;
      }
      const isLost = state === "stall" || (state === "mute" && isReply);
      if (!isLost && !dead.has(from)) to.write(bytes);
    });
    from.on("error", () => {});
    from.on("close", () => {
      sockets.delete(from);
      to.destroy();
    });
  };
  const server = createServer((client) => {
    if (state === "cut") {
      client.destroy();
      return;
    }
    const upstream = connect(Number(targetPort), hostname);
    pass(client, upstream, false);
    pass(upstream, client, true);
  });
  const { port } = await listen(server, { host: "127.0.0.1", port: 0 });
  const drop = () => {
    for (const socket of sockets) socket.destroy();
  };
  const url = new URL(target);
  url.host = `127.0.0.1:${port}`;
  return {
    url: url.href,
    heal: () => {
      // As in a partition: what was lost is not sent again, and nobody says that it was lost.
      if (state === "stall") for (const socket of sockets) dead.add(socket);
      state = "heal";
      forbidden = undefined;
    },
    cutAt: (text) => {
      forbidden = text;
    },
    cut: () => {
      state = "cut";
      drop();
    },
    mute: () => {
      state = "mute";
    },
    stall: () => {
      state = "stall";
    },
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      drop();
      await closed;
    },
  };
}
