import type { Writable } from 'node:stream';
import { Writable as WritableStream } from 'node:stream';
import type { HostApi, OutputEntry, OutputQuery } from '../contract.ts';
import type { Caller } from './caller.ts';
import { type Channel, unexpected } from './channel.ts';
import { check } from './check.ts';
import * as s from './schemas.ts';

const timeBytes = 8;

export async function serveOutput(host: HostApi, channel: Channel, args: unknown): Promise<void> {
  const [uid, container, query] = check(s.Output, args);
  const { sinceNs, untilNs, ...plain } = query;
  const times = {
    ...(sinceNs !== undefined ? { sinceNs: BigInt(sinceNs) } : {}),
    ...(untilNs !== undefined ? { untilNs: BigInt(untilNs) } : {}),
  };
  const entries = await host.output(uid, container, { ...plain, ...times }, channel.signal);
  await channel.sendJson('result', null);
  for await (const entry of entries) {
    const time = Buffer.alloc(timeBytes);
    time.writeBigInt64BE(entry.timeNs);
    await channel.send(entry.stream, Buffer.concat([time, entry.data]));
  }
  await channel.send('end');
}

export async function callOutput(
  caller: Caller,
  uid: string,
  container: string,
  { sinceNs, untilNs, ...plain }: OutputQuery,
  signal: AbortSignal,
): Promise<AsyncIterable<OutputEntry>> {
  const times = {
    ...(sinceNs !== undefined ? { sinceNs: String(sinceNs) } : {}),
    ...(untilNs !== undefined ? { untilNs: String(untilNs) } : {}),
  };
  const channel = await caller.open('output', [uid, container, { ...plain, ...times }], signal);
  await channel.result(s.nothing);
  return entriesOf(channel);
}

async function* entriesOf(channel: Channel): AsyncGenerator<OutputEntry, void, void> {
  try {
    for (;;) {
      const { kind, payload } = await channel.receive();
      if (kind === 'end') return channel.done();
      if ((kind !== 'stdout' && kind !== 'stderr') || payload.length < timeBytes) throw unexpected(kind);
      yield { stream: kind, timeNs: payload.readBigInt64BE(), data: payload.subarray(timeBytes) };
    }
  } finally {
    channel.cancel();
  }
}

/** What is written while nobody reads waits on the way; the end is passed on, a broken call only detaches. */
export async function serveStdin(host: HostApi, channel: Channel, args: unknown): Promise<void> {
  const [uid, container] = check(s.OfContainer, args);
  const stdin = await host.stdin(uid, container);
  const detach = (): void => void stdin.destroy();
  channel.signal.addEventListener('abort', detach, { once: true });
  const failed = new Promise<never>((_, reject) => stdin.once('error', reject));
  failed.catch(() => {});
  try {
    await channel.sendJson('result', null);
    for (;;) {
      const { kind, payload } = await Promise.race([channel.receive(), failed]);
      if (kind === 'end') break;
      if (kind !== 'data') throw unexpected(kind);
      await Promise.race([write(stdin, payload), failed]);
    }
    await Promise.race([new Promise<void>((resolve) => stdin.end(() => resolve())), failed]);
    await channel.send('end');
  } finally {
    channel.signal.removeEventListener('abort', detach);
    stdin.destroy();
  }
}

export async function callStdin(caller: Caller, uid: string, container: string): Promise<Writable> {
  const channel = await caller.open('stdin', [uid, container]);
  await channel.result(s.nothing);
  const over = channel.receive();
  over.catch(() => {});
  const stdin = new WritableStream({
    write(chunk: Buffer, _encoding, callback) {
      channel.sendData(chunk).then(() => callback(), callback);
    },
    final(callback) {
      channel
        .send('end')
        .then(() => over)
        .then(() => callback(), callback);
    },
    destroy(error, callback) {
      if (this.writableFinished) channel.done();
      else channel.cancel();
      callback(error);
    },
  });
  over.catch((error: Error) => stdin.destroy(error));
  return stdin;
}

async function write(target: Writable, chunk: Buffer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    target.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}
