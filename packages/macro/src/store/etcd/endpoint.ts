import { Client, type ClientDuplexStream, connectivityState, credentials, Metadata } from '@grpc/grpc-js';
import type { EtcdLimits } from './limits.ts';

/** PEM, as read from files. `cert` and `key` go together. */
export interface EtcdTls {
  readonly ca: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** One call of etcd's API: its path, and how its messages are written and read. */
export interface Rpc<Request, Response> {
  readonly path: string;
  readonly encode: (request: Request) => Buffer;
  readonly decode: (buffer: Buffer) => Response;
}

/** A member that has lost its cluster refuses, instead of answering from what it last knew. */
const withLeader = new Metadata();
withLeader.set('hasleader', 'true');

/** One member of the cluster, and the connection to it. */
export class Endpoint {
  readonly name: string;
  readonly #client: Client;

  constructor(name: string, tls: EtcdTls | undefined, limits: EtcdLimits) {
    this.name = name;
    const secured = tls
      ? credentials.createSsl(tls.ca, tls.key ?? null, tls.cert ?? null)
      : credentials.createInsecure();
    this.#client = new Client(name, secured, {
      'grpc.max_receive_message_length': limits.receiveBytesMax,
      'grpc.keepalive_time_ms': limits.pingAfterMs,
      'grpc.keepalive_timeout_ms': limits.pingTimeoutMs,
      'grpc.initial_reconnect_backoff_ms': limits.retryFirstMs,
      'grpc.max_reconnect_backoff_ms': limits.retryMaxMs,
      // Whether a call may be repeated is known here, not there.
      'grpc.enable_retries': 0,
      'grpc.enable_http_proxy': 0,
      'grpc.service_config_disable_resolution': 1,
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  get connected(): boolean {
    return this.#client.getChannel().getConnectivityState(true) === connectivityState.READY;
  }

  /** Whether it is connected now, or within `timeoutMs`; a refused connection is told at once. */
  async connect(timeoutMs: number): Promise<boolean> {
    const channel = this.#client.getChannel();
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) return true;
      if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN) return false;
      const changed = await new Promise<boolean>((resolve) => {
        channel.watchConnectivityState(state, deadline, (error) => resolve(!error));
      });
      if (!changed) return false;
    }
  }

  call<Request, Response>(
    rpc: Rpc<Request, Response>,
    request: Request,
    timeoutMs: number,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        rpc.path,
        rpc.encode,
        rpc.decode,
        request,
        withLeader,
        // The deadline is by the clock that the library reads.
        { deadline: Date.now() + timeoutMs },
        (error, response) => {
          if (error || response === undefined) reject(error ?? new Error(`${rpc.path}: an empty answer`));
          else resolve(response);
        },
      );
    });
  }

  stream<Request, Response>(rpc: Rpc<Request, Response>): ClientDuplexStream<Request, Response> {
    const stream = this.#client.makeBidiStreamRequest(rpc.path, rpc.encode, rpc.decode, withLeader, {});
    // Whoever reads it learns of the error; after that nobody does.
    stream.on('error', () => {});
    return stream;
  }

  close(): void {
    this.#client.close();
  }
}
