import type { Http2Session } from 'node:http2';
import type { Clock } from '@kraud/base';
import type { LinkLimits } from './limits.ts';

const widened = new WeakSet<Http2Session>();
const tended = new WeakSet<Http2Session>();

/** Makes a connection fit for calls, once: its window is so large that one slow reader doesn't stop the others. */
export function widen(session: Http2Session, limits: LinkLimits): void {
  if (widened.has(session)) return;
  widened.add(session);
  const set = (): void => {
    if (!session.destroyed) session.setLocalWindowSize(limits.windowBytes);
  };
  if (session.connecting) session.once('connect', set);
  else set();
}

/** Asks every while, so that a host that is gone without a word is seen to be. */
export function tend(session: Http2Session, parts: { clock: Clock; limits: LinkLimits }): void {
  if (tended.has(session)) return;
  tended.add(session);
  void keepAsking(session, parts);
}

async function keepAsking(
  session: Http2Session,
  { clock, limits }: { clock: Clock; limits: LinkLimits },
): Promise<void> {
  const over = new AbortController();
  session.once('close', () => over.abort());
  try {
    while (!session.destroyed) {
      await clock.sleep(limits.pingIntervalMs, over.signal);
      await answered(session, clock, limits.pingTimeoutMs, over.signal);
    }
  } catch {
    // Closed meanwhile, or gone: whoever has a call on it learns of that.
    session.destroy();
  }
}

async function answered(
  session: Http2Session,
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const done = new AbortController();
  const pong = new Promise<void>((resolve, reject) => {
    const sent = session.ping((error) => (error ? reject(error) : resolve()));
    if (sent === false) reject(new Error('no ping could be sent'));
  });
  pong.catch(() => {});
  const late = clock.sleep(timeoutMs, AbortSignal.any([signal, done.signal])).then(() => {
    throw new Error('no answer to a ping');
  });
  late.catch(() => {});
  try {
    await Promise.race([pong, late]);
  } finally {
    done.abort();
  }
}
