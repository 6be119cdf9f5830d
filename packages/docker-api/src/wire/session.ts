import type { Writable } from 'node:stream';
import { codeOf } from '@kraud/base';
import type { Client } from './client.ts';
import { DetachWatch } from './detach-keys.ts';
import { send } from './flow.ts';
import { frame, type Piece } from './frames.ts';

export interface SessionParts {
  readonly client: Client;
  /** Pulled only as fast as the client reads. */
  readonly output: AsyncIterable<Piece>;
  readonly multiplexed: boolean;
  /** Where the client's bytes go; absent: they are thrown away. */
  readonly stdin?: Writable | undefined;
  /** When the client closes its half: `end` closes the process's stdin, `leave` keeps it open for the next client. */
  readonly atEof: 'end' | 'leave';
  /** Absent: no detaching by keys. */
  readonly detachKeys?: Buffer | undefined;
}

/**
 * Carries bytes between a client and a process until the output ends (`ended`), the client types the detach keys
 * (`detached`), or its connection closes (`gone`). Input that ends does not end the session. The caller lets go of the process's streams afterwards.
 */
export async function runSession(parts: SessionParts): Promise<'ended' | 'detached' | 'gone'> {
  const { client, stdin } = parts;
  stdin?.on('error', () => {});
  const output = parts.output[Symbol.asyncIterator]();
  const pumped = pumpOutput(client, output, parts.multiplexed);
  const typed = pumpInput(parts);
  const gone = new Promise<'gone'>((resolve) => {
    if (client.gone.aborted) resolve('gone');
    else client.gone.addEventListener('abort', () => resolve('gone'), { once: true });
  });
  const never = new Promise<never>(() => {});
  const detached = typed.then((how) => (how === 'detached' ? how : never));
  try {
    return await Promise.race([pumped, detached, gone]);
  } finally {
    void pumped.catch(() => {});
    void Promise.resolve(output.return?.()).catch(() => {});
    client.end();
  }
}

async function pumpOutput(
  client: Client,
  output: AsyncIterator<Piece>,
  multiplexed: boolean,
): Promise<'ended' | 'gone'> {
  try {
    for (;;) {
      const next = await output.next();
      if (next.done) return 'ended';
      const wait = client.send(multiplexed ? frame(next.value) : next.value.data);
      if (wait) await wait;
    }
  } catch (error) {
    if (codeOf(error) === 'canceled') return 'gone';
    throw error;
  }
}

async function pumpInput(parts: SessionParts): Promise<'detached' | 'over'> {
  const { client, stdin } = parts;
  const watch = parts.detachKeys && stdin ? new DetachWatch(parts.detachKeys) : undefined;
  const pass = async (data: Uint8Array): Promise<void> => {
    if (!stdin || stdin.destroyed || stdin.writableEnded || data.length === 0) return;
    try {
      await send(stdin, data);
    } catch {
      // The process is gone or has closed its stdin: like a pipe that nobody reads.
    }
  };
  try {
    for await (const chunk of client.input.iterator({ destroyOnReturn: false })) {
      if (!watch) {
        await pass(chunk);
        continue;
      }
      const { pass: through, detached } = watch.feed(chunk);
      await pass(through);
      if (detached) return 'detached';
    }
  } catch {
    // The connection broke, which ends the input as well.
  }
  if (watch) await pass(watch.flush());
  if (parts.atEof === 'end' && stdin && !stdin.destroyed) stdin.end();
  return 'over';
}
