import type { Writable } from 'node:stream';
import { KraudError } from '@kraud/base';

/**
 * Writes, and resolves once there is room for more, so that who awaits it never holds more than one piece for a slow
 * reader. `canceled` when the reader is gone.
 */
export function send(to: Writable, data: Uint8Array | string): Promise<void> | undefined {
  if (to.destroyed || to.writableEnded) throw gone();
  if (to.write(data)) return undefined;
  return new Promise((resolve, reject) => {
    const done = (): void => {
      to.off('drain', done);
      to.off('close', closed);
      to.off('error', closed);
      resolve();
    };
    const closed = (): void => {
      to.off('drain', done);
      to.off('close', closed);
      to.off('error', closed);
      reject(gone());
    };
    to.on('drain', done);
    to.on('close', closed);
    to.on('error', closed);
  });
}

function gone(): KraudError {
  return new KraudError('canceled', 'the reader went away');
}

/** Sends a whole stream and ends the reply. A source that fails half-way leaves the reply unfinished. */
export async function sendAll(to: Writable, source: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of source) {
    const wait = send(to, chunk);
    if (wait) await wait;
  }
  to.end();
}
