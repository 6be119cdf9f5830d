import { mkdir, unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, ServerResponse } from 'node:http';
import { connect, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { type Clock, isErrno, KraudError, type Logger, messageOf } from '@kraud/base';
import type { Caller, Cloud } from '@kraud/cloud';
import type { Serving } from './call.ts';
import { Dispatch } from './dispatch.ts';
import { type HostPaths, systemHostPaths } from './host-paths.ts';
import { type DockerApiLimits, dockerApiLimits } from './limits.ts';
import { Turns } from './turns.ts';
import { keepLeftover } from './wire/hijack.ts';

export interface DockerApiOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Shown by `version` and `info`. */
  readonly version: string;
  readonly limits?: Partial<DockerApiLimits>;
  readonly hostPaths?: HostPaths;
}

/** What requests are for. */
export interface Served {
  readonly cloud: Cloud;
  /** Who everyone is that reaches this server. */
  readonly caller: Caller;
  /** Other APIs on the same sockets. */
  readonly beside?: readonly ApiBeside[];
}

/** Answers every request whose path begins with its prefix, instead of the Docker API. */
export interface ApiBeside {
  readonly prefix: string;
  handle(req: IncomingMessage, res: ServerResponse): void;
}

/**
 * The Docker Engine API on sockets. They outlast the cloud that they are for: from `pause` to the next `serve` requests
 * wait. `close` stops accepting, lets requests end, and then cuts them off.
 */
export interface DockerApi {
  /**
   * Listens on a unix socket that only its owner and group may use. A stale file is replaced, a live one refused; its own
   * stays.
   */
  listen(path: string): Promise<void>;
  serve(served: Served): void;
  /** Lets the requests that are under way end, and then cuts them off. */
  pause(): Promise<void>;
  close(): Promise<void>;
}

export function createDockerApi(options: DockerApiOptions): DockerApi {
  const limits: DockerApiLimits = { ...dockerApiLimits, ...options.limits };
  const { clock, logger, version } = options;
  const paths: string[] = [];
  const sockets = new Set<Socket>();
  /** Connected, and nothing asked yet: Node doesn't count them as idle. */
  const silent = new Set<Socket>();
  const servers: Server[] = [];
  const turns = new Turns();
  const serving: Serving = {
    clock,
    logger,
    limits,
    version,
    hostPaths: options.hostPaths ?? systemHostPaths,
    sockets: paths,
    turns,
  };
  let handle: Handle = () => {};

  const open = (): ReturnType<typeof createServer> => {
    const server = createServer({
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: 0,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.max(100, Math.min(30_000, limits.headersTimeoutMs / 2)),
    });
    // A client that has sent all it wants to send still waits for the reply.
    Reflect.set(server, 'httpAllowHalfOpen', true);
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      silent.add(socket);
      socket.once('close', () => {
        sockets.delete(socket);
        silent.delete(socket);
        turns.gone(socket);
      });
    });
    server.on('request', (req, res) => {
      silent.delete(req.socket);
      turns.enter(req, res, () => handle(req, res, undefined));
    });
    server.on('upgrade', (req, stream, head) => {
      const socket = stream as Socket;
      silent.delete(socket);
      const res = new ServerResponse(req);
      res.shouldKeepAlive = false;
      res.assignSocket(socket);
      res.once('finish', () => {
        socket.end();
        socket.resume();
      });
      socket.on('error', () => socket.destroy());
      turns.enter(req, res, () => handle(req, res, { socket, head }));
    });
    server.on('connect', (req, stream) => {
      // No proxy is here: like any other path that isn't served.
      const res = new ServerResponse(req);
      res.shouldKeepAlive = false;
      res.assignSocket(stream as Socket);
      res.once('finish', () => (stream as Socket).destroySoon());
      stream.on('error', () => stream.destroy());
      turns.enter(req, res, () => handle(req, res, undefined));
    });
    server.on('clientError', (error: Error & { code?: string }, stream) => {
      const socket = stream as Socket;
      if (keepLeftover(socket, error)) return;
      const refuse = (): void => {
        if (socket.writable && error.code !== 'ECONNRESET') {
          const status = refusals[error.code ?? ''] ?? '400 Bad Request';
          const text = `${JSON.stringify({ message: messageOf(error) })}\n`;
          socket.write(
            `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
          );
        }
        socket.destroySoon();
      };
      // A request that is whole has its own answer first: this one must not pass for it.
      const before = turns.lastOn(socket);
      if (before?.req.complete && error.code !== 'ECONNRESET') before.once('close', refuse);
      else refuse();
    });
    servers.push(server);
    return server;
  };

  return {
    async listen(path) {
      if (paths.includes(path)) return;
      await mkdir(dirname(path), { recursive: true });
      await removeStale(path);
      const server = open();
      const mask = process.umask(0o117);
      try {
        await new Promise<void>((resolve, reject) => {
          server.once('error', reject);
          server.listen({ path, backlog: backlogMax }, () => resolve());
        });
      } finally {
        process.umask(mask);
      }
      server.on('error', (error) => logger.error({ error }, 'docker API server'));
      paths.push(path);
      logger.info({ path }, 'docker API listens');
    },

    serve({ cloud, caller, beside }) {
      const dispatch = new Dispatch(cloud, caller, serving);
      handle = (req, res, upgrade) => {
        const other = upgrade ? undefined : beside?.find(({ prefix }) => req.url?.startsWith(prefix));
        if (other) other.handle(req, res);
        else void dispatch.handle(req, res, upgrade);
      };
      turns.open();
    },

    async pause() {
      turns.close();
      const over = new AbortController();
      const late = clock.sleep(limits.drainTimeoutMs, over.signal).then(
        () => turns.cut(),
        () => {},
      );
      await turns.empty();
      over.abort();
      await late;
    },

    async close() {
      const closed = Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
      for (const server of servers) if ('closeIdleConnections' in server) callIdle(server);
      for (const socket of silent) socket.destroy();
      const over = new AbortController();
      const late = clock.sleep(limits.drainTimeoutMs, over.signal).then(
        () => {
          for (const socket of sockets) socket.destroy();
        },
        () => {},
      );
      await Promise.race([closed, late]);
      over.abort();
      await closed;
    },
  };
}

type Handle = (
  req: IncomingMessage,
  res: ServerResponse,
  upgrade: { socket: Socket; head: Buffer } | undefined,
) => void;

/** Connections that wait to be accepted: a unix socket turns all others away. The kernel has a limit of its own (`net.core.somaxconn`). */
const backlogMax = 4096;

const refusals: Record<string, string> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

function callIdle(server: Server): void {
  const close: unknown = Reflect.get(server, 'closeIdleConnections');
  if (typeof close === 'function') close.call(server);
}

async function removeStale(path: string): Promise<void> {
  const alive = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error) => resolve(!isErrno(error, 'ENOENT', 'ECONNREFUSED')));
  });
  if (alive) throw new KraudError('conflict', `${path} is in use by another process`);
  try {
    await unlink(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}
