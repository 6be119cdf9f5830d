import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type Clock, KraudError } from '@kraud/base';
import { HttpFault } from '../errors.ts';

/** The whole body of an ordinary request, at most `bytesMax`, with pauses of at most `idleTimeoutMs`. */
export async function readBody(
  req: IncomingMessage,
  options: { bytesMax: number; idleTimeoutMs: number; clock: Clock },
): Promise<Buffer> {
  refuseLarge(req, options.bytesMax);
  if (req.headers['content-length'] === '0' || (!hasLength(req) && !isChunked(req))) return Buffer.alloc(0);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of patiently(bytesOf(req), options)) {
    bytes += chunk.length;
    if (bytes > options.bytesMax) throw tooLarge(options.bytesMax);
    chunks.push(chunk);
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}

/**
 * The body of a request that asks for an upgrade: `node:http` leaves it on the socket, before what follows it.
 * Answers the body, and puts back what came with it.
 */
export async function readUpgradeBody(
  req: IncomingMessage,
  socket: Socket,
  head: Buffer,
  options: { bytesMax: number; idleTimeoutMs: number; clock: Clock },
): Promise<{ body: Buffer; head: Buffer }> {
  if (isChunked(req)) throw new HttpFault(411, 'a request with Upgrade needs a Content-Length');
  refuseLarge(req, options.bytesMax);
  const length = Number(req.headers['content-length'] ?? 0);
  let bytes = head;
  while (bytes.length < length) {
    const chunk = await withTimeout(nextChunk(socket), options);
    if (!chunk) throw new KraudError('canceled', 'the client went away while it sent its request');
    bytes = Buffer.concat([bytes, chunk]);
  }
  return { body: bytes.subarray(0, length), head: bytes.subarray(length) };
}

/** A request's bytes. To stop reading early leaves the connection usable for the reply. */
export function bytesOf(req: IncomingMessage): AsyncIterable<Buffer> {
  return req.iterator({ destroyOnReturn: false });
}

/** An archive as it comes in. Fails with `timeout` when it stops coming, with `canceled` when the client goes. */
export async function* patiently(
  req: AsyncIterable<Buffer>,
  options: { idleTimeoutMs: number; clock: Clock },
): AsyncGenerator<Buffer, void, void> {
  const iterator = req[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await withTimeout(iterator.next(), options);
      if (next.done) return;
      yield next.value;
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ECONNRESET') {
      throw new KraudError('canceled', 'the client went away while it sent its request', { cause: error });
    }
    throw error;
  } finally {
    void iterator.return?.();
  }
}

async function withTimeout<T>(
  work: Promise<T>,
  { idleTimeoutMs, clock }: { idleTimeoutMs: number; clock: Clock },
): Promise<T> {
  const over = new AbortController();
  const late = clock.sleep(idleTimeoutMs, over.signal).then(() => {
    throw new HttpFault(408, `the request's body stopped arriving for ${idleTimeoutMs} ms`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort();
  }
}

function nextChunk(socket: Socket): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const done = (chunk?: Buffer): void => {
      socket.pause();
      socket.off('data', done);
      socket.off('end', ended);
      socket.off('close', ended);
      resolve(chunk);
    };
    const ended = (): void => done();
    socket.on('data', done);
    socket.on('end', ended);
    socket.on('close', ended);
    socket.resume();
  });
}

const isChunked = (req: IncomingMessage): boolean => req.headers['transfer-encoding'] !== undefined;
const hasLength = (req: IncomingMessage): boolean => req.headers['content-length'] !== undefined;

function refuseLarge(req: IncomingMessage, bytesMax: number): void {
  if (Number(req.headers['content-length'] ?? 0) > bytesMax) throw tooLarge(bytesMax);
}

function tooLarge(bytesMax: number): HttpFault {
  return new HttpFault(413, `the request's body is larger than ${bytesMax} bytes`);
}
