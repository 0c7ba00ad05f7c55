import { setTimeout as sleep } from "node:timers/promises";
import {
  type ChannelCredentials,
  Client,
  connectivityState,
  credentials,
  type ServiceError,
} from "@grpc/grpc-js";
import { readFailure } from "./client-errors.ts";

/** PEM, as text or bytes. */
type Pem = string | Buffer;

/** TLS to identity, which a mesh or a proxy in front of it speaks. */
export interface TlsConfig {
  /** Who may have signed the server's certificate; by default those whom Node trusts. */
  ca?: Pem;
  /** The client's own certificate and key, where the server asks for one (mTLS). */
  cert?: Pem;
  key?: Pem;
  /** The name in the server's certificate, where it is not the target's. */
  serverName?: string;
}

export interface ChannelConfig {
  /** A gRPC target: `127.0.0.1:50051`, or `dns:///identity:50051` to balance over replicas. */
  target: string;
  /** Plain text when absent. */
  tls?: TlsConfig;
  /** To each address: more than 1 where identity is several WORKERS behind it. By default 1. */
  connections?: number;
}

/** Between two tries to connect to a replica; give or take a fifth. */
const MAX_BACKOFF_MS = 500;

const CHANNEL_OPTIONS = {
  // Its books of every call are kept for a debugging service that nobody offers.
  "grpc.enable_channelz": 0,
  "grpc.max_receive_message_length": 1024 * 1024,
  "grpc.max_send_message_length": 64 * 1024,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": MAX_BACKOFF_MS,
  "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
};

/** The connections to the replicas of a target. */
export interface Channel {
  /** Whose turn it is, of those that are connected if there are any. */
  next(): Client;
  /** Whether a call could be sent; waits for a connection up to `timeoutMs`. */
  isReady(timeoutMs: number): Promise<boolean>;
  close(): void;
}

/** A connection to each replica of the target (or several), made when it is needed. */
export function openChannel({ target, tls, connections = 1 }: ChannelConfig): Channel {
  const name = tls?.serverName;
  const options = {
    ...CHANNEL_OPTIONS,
    ...(name ? { "grpc.ssl_target_name_override": name, "grpc.default_authority": name } : {}),
    // Otherwise grpc-js would have them share one.
    ...(connections > 1 ? { "grpc.use_local_subchannel_pool": 1 } : {}),
  };
  const credentials = toCredentials(tls);
  const clients = Array.from(
    { length: connections },
    () => new Client(target, credentials, options),
  );
  let turn = 0;
  const next = () => {
    turn = (turn + 1) % clients.length;
    const inTurn = clients[turn] as Client;
    return isConnected(inTurn) ? inTurn : (clients.find(isConnected) ?? inTurn);
  };
  return {
    next,
    isReady: (timeoutMs) => {
      return new Promise((resolve) => {
        next().waitForReady(Date.now() + timeoutMs, (error) => resolve(!error));
      });
    },
    close: () => {
      for (const client of clients) client.close();
    },
  };
}

function toCredentials(tls: TlsConfig | undefined): ChannelCredentials {
  if (!tls) return credentials.createInsecure();
  const { ca, cert, key } = tls;
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError("tls: cert and key go together");
  }
  const bytes = (pem: Pem | undefined) => (pem === undefined ? null : Buffer.from(pem));
  return credentials.createSsl(bytes(ca), bytes(key), bytes(cert));
}

const MAX_ATTEMPTS = 3;
const REPEAT_DELAY_MS = 50;

/**
 * How long a call waits for a connection before it fails, while replicas are being replaced: until the
 * next try to connect to one that is back, and for that to succeed on a busy machine.
 */
const CONNECT_WAIT_MS = 3 * MAX_BACKOFF_MS;

export interface RepeatOptions {
  endMs: number;
  signal: AbortSignal | undefined;
  /** Whether a call that may have been carried out may be made again. */
  isRepeatable: boolean;
}

/** Makes a call, and makes it again, three times in all, while that may help and the time is not up. */
export async function repeat<T>(
  channel: Channel,
  send: (client: Client) => Promise<T>,
  { endMs, signal, isRepeatable }: RepeatOptions,
): Promise<T> {
  const connectEndMs = Math.min(endMs, Date.now() + CONNECT_WAIT_MS);
  for (let number = 1; ; number++) {
    const client = channel.next();
    if (!isConnected(client)) await connected(client, connectEndMs);
    try {
      return await send(client);
    } catch (error) {
      const { isUnsent, isUnanswered } = readFailure(error as ServiceError);
      // Of many who failed together not all come back together.
      const delayMs = REPEAT_DELAY_MS * number * (1 + Math.random());
      const isInTime = Date.now() + delayMs < endMs && !signal?.aborted && number < MAX_ATTEMPTS;
      if (!isInTime || !(isUnsent || (isUnanswered && isRepeatable))) throw error;
      await sleep(delayMs, undefined, signal ? { signal } : {}).catch(() => {
        throw error;
      });
    }
  }
}

/** Begins to connect where it is not; in time, it is. */
function isConnected(client: Client): boolean {
  return client.getChannel().getConnectivityState(true) === connectivityState.READY;
}

/** Resolves when a call can be sent, or will have to fail. */
function connected(client: Client, connectEndMs: number): Promise<void> {
  return new Promise((resolve) => client.waitForReady(connectEndMs, () => resolve()));
}
