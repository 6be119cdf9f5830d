import type { ClientDuplexStream } from '@grpc/grpc-js';
import { Backoff, type Clock, type Logger, messageOf } from '@kraud/base';
import { CompactedError } from '../contract.ts';
import type { Commit } from '../embedded/batch.ts';
import type { Cluster } from './cluster.ts';
import { toFault } from './faults.ts';
import { everything, type Keyspace } from './keyspace.ts';
import type { EtcdLimits } from './limits.ts';
import { rpcs } from './rpcs.ts';
import type { Translator } from './translate.ts';
import { WholeRevisions } from './whole-revisions.ts';
import type { WatchCreate } from './wire/requests.ts';
import type { WatchResponse } from './wire/responses.ts';

export interface FollowParts {
  readonly cluster: Cluster;
  readonly keys: Keyspace;
  readonly translator: Translator;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: EtcdLimits;
}

/**
 * Every revision after `after`, whole and in order, without gap or repeat, whatever becomes of connections and
 * members on the way; until the signal aborts. Ends in a `CompactedError` if history is gone that was still to come.
 *
 * The whole cluster is watched, not just our prefix: every revision changes some key, so the events themselves tell
 * how far we are. etcd's progress notifications can't be trusted to: before 3.4.25 and 3.5.8 one may overtake events.
 */
export async function* follow(
  parts: FollowParts,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<Commit[], void, void> {
  const { cluster, clock, logger, limits } = parts;
  const backoff = new Backoff({ firstMs: limits.retryFirstMs, maxMs: limits.retryMaxMs });
  let last = after;
  let told = false;
  while (!signal.aborted) {
    let failed: (() => void) | undefined;
    try {
      const watch = await cluster.stream(rpcs.watch);
      failed = watch.failed;
      for await (const commits of read(parts, watch.stream, last, signal)) {
        backoff.reset();
        told = false;
        last = commits.at(-1)?.revision ?? last;
        yield commits;
      }
    } catch (error) {
      if (error instanceof CompactedError) throw error;
      if (signal.aborted) return;
      const fields = { error: messageOf(error), revision: last };
      if (told) logger.debug(fields, 'the watch of etcd is still broken');
      else logger.warn(fields, 'the watch of etcd broke; it is resumed');
      told = true;
    }
    failed?.();
    await clock.sleep(backoff.next(), signal).catch(() => {});
  }
}

/**
 * One stream's worth. It starts at the revision that was seen last and drops that: then etcd says so itself if the
 * one after it may be gone.
 */
async function* read(
  { keys, translator }: FollowParts,
  stream: ClientDuplexStream<WatchCreate, WatchResponse>,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<Commit[], void, void> {
  const cancel = (): void => stream.cancel();
  signal.addEventListener('abort', cancel);
  const whole = new WholeRevisions(after);
  try {
    if (signal.aborted) return;
    stream.write({ ...everything, startRevision: Math.max(1, after) });
    for await (const response of stream as AsyncIterable<WatchResponse>) {
      if (response.compactRevision > 0) throw new CompactedError(response.compactRevision);
      if (response.canceled) throw toFault(new Error(`the watch was cancelled: ${response.cancelReason}`));
      const commits = whole.take(response).map(({ revision, events }) => ({
        revision,
        events: events.filter(({ kv }) => keys.has(kv.key)).map((event) => translator.event(event)),
      }));
      if (commits.length > 0) yield commits;
    }
  } finally {
    signal.removeEventListener('abort', cancel);
    stream.cancel();
  }
}
