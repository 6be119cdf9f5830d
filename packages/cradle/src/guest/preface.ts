import type { Duplex } from 'node:stream';
import { type Clock, KraudError, type Random } from '@kraud/base';

/** `KRAUD/1 <32 lower-case hex digits>\n` */
export function prefaceLine(nonce: Buffer): Buffer {
  return Buffer.from(`KRAUD/1 ${nonce.toString('hex')}\n`, 'latin1');
}

/**
 * Finds one line in a stream of bytes that may begin with the rest of an earlier connection. Returns what
 * follows the line, or undefined while it has not come.
 */
export class PrefaceScanner {
  #line: Buffer;
  #tail: Buffer = Buffer.alloc(0);

  constructor(line: Buffer) {
    this.#line = line;
  }

  /** What came so far was for another line: from here on look for this one. */
  expect(line: Buffer): void {
    this.#line = line;
  }

  push(chunk: Buffer): Buffer | undefined {
    const seen = Buffer.concat([this.#tail, chunk]);
    const at = seen.indexOf(this.#line);
    if (at >= 0) return seen.subarray(at + this.#line.length);
    this.#tail = seen.subarray(Math.max(0, seen.length - this.#line.length + 1));
    return undefined;
  }
}

/** Several times what the agent of a VM that has just been restored takes. */
const firstWaitMs = 60;

export interface PrefaceOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** How long an attempt waits for its answer at most before the next is sent. The first ones wait less. */
  readonly attemptTimeoutMs: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Agrees with the agent on where the connection begins. An attempt may be swallowed as the rest of what an earlier
 * connection left unfinished, so it is repeated, each time with a fresh nonce: a late answer to an earlier attempt
 * is not taken for the present one's. What follows the answer is left in the stream.
 */
export async function openPreface(duplex: Duplex, options: PrefaceOptions): Promise<void> {
  const { clock, random } = options;
  const done = new AbortController();
  const newLine = () => prefaceLine(random.bytes(16));
  const first = newLine();
  const scanner = new PrefaceScanner(first);
  const answered = new Promise<void>((resolve, reject) => {
    const lost = (error?: Error) =>
      reject(new KraudError('unavailable', 'the guest closed the connection', { cause: error }));
    const onReadable = () => {
      for (let chunk = duplex.read(); chunk !== null; chunk = duplex.read()) {
        const rest = scanner.push(chunk as Buffer);
        if (rest === undefined) continue;
        duplex.off('readable', onReadable);
        // What is still buffered comes after the rest.
        if (rest.length > 0) duplex.unshift(rest);
        resolve();
        return;
      }
    };
    const onAbort = () => reject(options.signal?.reason);
    if (options.signal?.aborted) onAbort();
    options.signal?.addEventListener('abort', onAbort, { once: true });
    duplex.on('readable', onReadable);
    duplex.once('close', lost);
    duplex.once('end', lost);
    duplex.once('error', lost);
    done.signal.addEventListener('abort', () => {
      options.signal?.removeEventListener('abort', onAbort);
      duplex.off('readable', onReadable);
      duplex.off('close', lost);
      duplex.off('end', lost);
      duplex.off('error', lost);
    });
  });
  const ask = async () => {
    const startMs = clock.monotonic();
    let waitMs = Math.min(firstWaitMs, options.attemptTimeoutMs);
    for (let line = first; ; line = newLine()) {
      scanner.expect(line);
      duplex.write(line);
      await clock.sleep(waitMs, done.signal);
      waitMs = Math.min(waitMs * 2, options.attemptTimeoutMs);
      if (clock.monotonic() - startMs >= options.timeoutMs) {
        throw new KraudError('timeout', `the guest agent did not answer within ${options.timeoutMs} ms`);
      }
    }
  };
  try {
    await Promise.race([answered, ask()]);
  } finally {
    done.abort();
    answered.catch(() => {});
  }
}
