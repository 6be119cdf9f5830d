import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { Clock } from '@kraud/base';
import type { Client } from './client.ts';
import { send } from './flow.ts';

const rawStream = 'application/vnd.docker.raw-stream';
const headerEnd = Buffer.from('\r\n\r\n');

/** Bytes that came right behind an old-form request and that the parser choked on, by connection. */
const leftovers = new WeakMap<Socket, Buffer>();
const awaiting = new WeakSet<Socket>();

/** A request of the old form arrived on this connection: what follows it isn't HTTP. */
export function expectRaw(socket: Socket): void {
  awaiting.add(socket);
}

/** True if a parser's complaint was only about what follows an old-form request; its packet is kept. */
export function keepLeftover(socket: Socket, error: Error): boolean {
  if (!awaiting.has(socket)) return false;
  if ('rawPacket' in error && Buffer.isBuffer(error.rawPacket)) leftovers.set(socket, error.rawPacket);
  return true;
}

const upgraded = (headers: readonly string[], contentType: string): string =>
  `HTTP/1.1 101 UPGRADED\r\n${headers.join('')}Content-Type: ${contentType}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`;

/**
 * A connection that has left HTTP: bytes both ways, each side closing its own half. Two forms of the request lead
 * here: with `Upgrade` (101), and Docker's old one without (200, then raw).
 */
export class Hijack implements Client {
  readonly input: Readable;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #lingerTimeoutMs: number;
  readonly #gone = new AbortController();

  private constructor(socket: Socket, input: Readable, clock: Clock, lingerTimeoutMs: number) {
    this.#socket = socket;
    this.input = input;
    this.#clock = clock;
    this.#lingerTimeoutMs = lingerTimeoutMs;
    socket.on('error', () => {});
    socket.once('close', () => this.#gone.abort());
    if (socket.destroyed) this.#gone.abort();
  }

  static async begin(parts: {
    req: IncomingMessage;
    res: ServerResponse;
    upgrade: { socket: Socket; head: Buffer } | undefined;
    contentTypeUpgraded: string;
    clock: Clock;
    lingerTimeoutMs: number;
    headStartMs: number;
  }): Promise<Hijack> {
    const { req, res, upgrade, clock, lingerTimeoutMs } = parts;
    const { socket } = req;
    const begun = async (input: Readable): Promise<Hijack> => {
      const hijack = new Hijack(socket, input, clock, lingerTimeoutMs);
      if (losesWhatFollows(req)) await clock.sleep(parts.headStartMs);
      return hijack;
    };
    const fixed = Object.entries(res.getHeaders()).flatMap(([name, value]) =>
      [value].flat().map((one) => `${name}: ${String(one)}\r\n`),
    );
    if (upgrade) {
      res.detachSocket(socket);
      if (upgrade.head.length > 0) socket.unshift(upgrade.head);
      socket.write(upgraded(fixed, parts.contentTypeUpgraded));
      return await begun(socket);
    }
    const chunked = req.headers['transfer-encoding'] !== undefined;
    if (!chunked) {
      // The parser must be done with the packet that it is in before the connection is taken from it.
      await new Promise((resolve) => setImmediate(resolve));
      takeFromParser(socket, req);
      // Who listens for the connection's end was taken off with the parser; the reply still tells of it.
      socket.once('close', () => res.emit('close'));
    }
    res.detachSocket(socket);
    // `Upgrade` alone, without the `Connection` that node wants beside it, asks for the new form too.
    socket.write(
      req.headers.upgrade === undefined
        ? `HTTP/1.1 200 ${STATUS_CODES[200]}\r\n${fixed.join('')}Content-Type: ${rawStream}\r\n\r\n`
        : upgraded(fixed, parts.contentTypeUpgraded),
    );
    return await begun(chunked ? req : socket);
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  send(data: Uint8Array): Promise<void> | undefined {
    return send(this.#socket, data);
  }

  /** Says that nothing more comes, and lets the client close; one that doesn't is cut off. */
  end(): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    socket.end();
    this.input.resume();
    if (socket !== this.input) this.input.on('end', () => socket.destroy());
    void this.#clock.sleep(this.#lingerTimeoutMs, this.#gone.signal).then(
      () => socket.destroy(),
      () => {},
    );
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/**
 * Docker's library for Python reads the head through a buffer and then goes on beside it: what comes along with the head is
 * lost. With dockerd that is rare, since a program takes longer to start there.
 */
const losesWhatFollows = ({ headers }: IncomingMessage): boolean =>
  /^docker-(sdk-python|py)\//.test(headers['user-agent'] ?? '');

/**
 * `node:http` gives a connection up only for `Upgrade`; for the old form we do by hand what it does there: its
 * listeners go, its parser lets go of the handle (adding a `data` listener makes it do so), and what it had read
 * already comes first.
 */
function takeFromParser(socket: Socket, req: IncomingMessage): void {
  const packet = leftovers.get(socket);
  leftovers.delete(socket);
  for (const event of ['data', 'end', 'close', 'drain', 'error', 'timeout']) socket.removeAllListeners(event);
  const nothing = (): void => {};
  socket.on('data', nothing);
  socket.off('data', nothing);
  socket.pause();
  const parser: unknown = Reflect.get(socket, 'parser');
  if (
    typeof parser === 'object' &&
    parser !== null &&
    'remove' in parser &&
    typeof parser.remove === 'function'
  ) {
    parser.remove();
  }
  Reflect.set(socket, 'parser', null);
  if (!packet) return;
  const head = packet.indexOf(headerEnd);
  const rest = packet.subarray(head + headerEnd.length + Number(req.headers['content-length'] ?? 0));
  if (head >= 0 && rest.length > 0) socket.unshift(rest);
}
