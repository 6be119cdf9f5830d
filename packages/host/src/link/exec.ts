import { Writable } from 'node:stream';
import { newShortId, type Random } from '@kraud/base';
import type { ExecSession, ExecSpec, HostApi, TerminalSize } from '../contract.ts';
import type { Caller } from './caller.ts';
import { type Channel, unexpected } from './channel.ts';
import { check, parseJson } from './check.ts';
import { linkLost } from './error.ts';
import * as s from './schemas.ts';

/** Execs that other hosts started here, for as long as they listen. */
export class ServedExecs {
  readonly #sessions = new Map<string, ExecSession>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** `result`: it runs. Then its output; its exit as a note when that is over; `end`. Whoever breaks off only detaches. */
  async serve(host: HostApi, channel: Channel, args: unknown): Promise<void> {
    const [uid, container, spec] = check(s.Exec, args);
    const session = await host.exec(uid, container, spec);
    const id = newShortId(this.#random);
    this.#sessions.set(id, session);
    const detach = (): void => session.detach();
    channel.signal.addEventListener('abort', detach, { once: true });
    try {
      await channel.sendJson('result', { pid: session.pid, id });
      const feeding = feed(channel, session.stdin);
      feeding.catch(() => {});
      for await (const { stream, data } of session.output()) await channel.sendData(data, stream);
      await channel.sendJson('note', await session.exit);
      await channel.send('end');
    } catch (error) {
      session.detach();
      throw error;
    } finally {
      channel.signal.removeEventListener('abort', detach);
      this.#sessions.delete(id);
    }
  }

  async resize(args: unknown): Promise<void> {
    const [id, size] = check(s.ExecResize, args);
    // One that is over has no terminal any more: as for a terminal that is gone, nothing happens.
    await this.#sessions.get(id)?.resize(size);
  }
}

/** Stdin from the other host, until its end. What comes after the process has ended is dropped, as by a closed pipe. */
async function feed(channel: Channel, stdin: Writable): Promise<void> {
  stdin.on('error', () => {});
  for (;;) {
    const { kind, payload } = await channel.receive();
    if (kind === 'end') {
      stdin.end();
      return;
    }
    if (kind !== 'data') throw unexpected(kind);
    if (!stdin.writable) continue;
    await new Promise<void>((resolve) => stdin.write(payload, () => resolve()));
  }
}

export async function callExec(
  caller: Caller,
  uid: string,
  container: string,
  spec: ExecSpec,
): Promise<ExecSession> {
  const channel = await caller.open('exec', [uid, container, spec]);
  const { pid, id } = await channel.result(s.ExecStarted);
  const exit = Promise.withResolvers<{ code: number }>();
  exit.promise.catch(() => {});
  channel.signal.addEventListener('abort', () => exit.reject(linkLost()), { once: true });
  return {
    pid,
    exit: exit.promise,
    stdin: stdinOf(channel),
    output: () => outputOf(channel, exit),
    resize: async (size: TerminalSize) => {
      await caller.act('exec-resize', [id, size]);
    },
    detach: () => channel.cancel(),
  };
}

async function* outputOf(
  channel: Channel,
  exit: PromiseWithResolvers<{ code: number }>,
): AsyncGenerator<{ stream: 'stdout' | 'stderr'; data: Buffer }, void, void> {
  try {
    for (;;) {
      const { kind, payload } = await channel.receive();
      if (kind === 'stdout' || kind === 'stderr') yield { stream: kind, data: payload };
      else if (kind === 'note') exit.resolve(check(s.Exit, parseJson(payload)));
      else if (kind === 'end') return channel.done();
      else throw unexpected(kind);
    }
  } catch (error) {
    exit.reject(error);
    throw error;
  } finally {
    exit.reject(linkLost());
    channel.cancel();
  }
}

function stdinOf(channel: Channel): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, callback) {
      // The process may have ended: what is written to it then is dropped, as a closed pipe does.
      channel.sendData(chunk).then(
        () => callback(),
        () => callback(),
      );
    },
    final(callback) {
      channel.send('end').then(
        () => callback(),
        () => callback(),
      );
    },
  });
}
