import { type Clock, type Logger, messageOf } from '@kraud/base';
import type { EventLog, Happening } from '../events/event-log.ts';
import { decode, type Pod } from '../model/index.ts';
import { prefixOf } from '../model/keys.ts';
import { CompactedError, type Entry, type Op, type Store, type WatchEvent } from '../store/contract.ts';

/** Holds the revision up to which all is recorded, and the time of the last event. */
const cursorKey = '/cursor/pod-events';
/** The cursor is written at least this often, so that compaction can go on while nothing happens to pods. */
const cursorLagMax = 1000;
const opsMax = 100;
const retryMs = 500;

/**
 * Records what pods do by themselves (start, die, oom, health, destroy), from the changes of their status. The
 * events and how far it got are written in one transaction, so that a kill at any point neither loses nor repeats
 * one. What users ask for is recorded by who serves them.
 */
export class PodEvents {
  readonly #store: Store;
  readonly #log: EventLog;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #cursor: { revision: number; entry: Entry | undefined } = { revision: 0, entry: undefined };

  constructor(parts: { store: Store; log: EventLog; clock: Clock; logger: Logger }) {
    this.#store = parts.store;
    this.#log = parts.log;
    this.#clock = parts.clock;
    this.#logger = parts.logger.child({ controller: 'pod-events' });
  }

  /** History after this is still needed; 0 until it is known. */
  get neededAfter(): number {
    return this.#cursor.revision;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#loadCursor();
        await this.#follow(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof CompactedError) await this.#skipTo(error.compactRevision);
        else this.#logger.warn({ error: messageOf(error) }, 'events are held up');
        await this.#clock.sleep(retryMs, signal).catch(() => {});
      }
    }
  }

  async #loadCursor(): Promise<void> {
    const { entry, revision } = await this.#store.get(cursorKey);
    const [through = '', lastNs = '0'] = entry?.value.split(' ') ?? [];
    this.#cursor = { revision: entry ? Number(through) : revision, entry };
    // Whoever was here before may have had a clock that was ahead of ours.
    this.#log.goOnAfter(BigInt(lastNs));
    if (!entry) await this.#commit([], revision);
  }

  async #skipTo(revision: number): Promise<void> {
    this.#logger.error({ revision }, 'events were lost: the history was compacted before they were recorded');
    await this.#commit([], revision);
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const options = { fromRevision: this.#cursor.revision + 1, signal, bookmarks: true };
    for await (const batch of this.#store.watch(prefixOf('Pod'), options)) {
      let ops: Op[] = [];
      for (const [revision, events] of byRevision(batch.events)) {
        ops.push(...this.#ops(events));
        if (ops.length < opsMax) continue;
        await this.#commit(ops, revision);
        ops = [];
      }
      const lag = batch.revision - this.#cursor.revision;
      if (ops.length > 0 || lag >= cursorLagMax) await this.#commit(ops, batch.revision);
    }
  }

  #ops(events: readonly WatchEvent[]): Op[] {
    return pairs(events).flatMap(({ before, after }) => {
      const pod = after ?? before;
      if (!pod) return [];
      return happenings(before, after).map((happening) => this.#log.op(pod.meta.tenant, happening));
    });
  }

  /** Fails if another recorder moved the cursor: then that one has recorded these. */
  async #commit(ops: readonly Op[], through: number): Promise<void> {
    const value = `${through} ${this.#log.lastNs}`;
    const { entry } = this.#cursor;
    const result = await this.#store.txn({
      compare: [{ key: cursorKey, target: 'modRevision', op: '=', to: entry?.modRevision ?? 0 }],
      success: [...ops, { op: 'put', key: cursorKey, value }, { op: 'get', key: cursorKey }],
    });
    if (!result.succeeded) throw new Error('another recorder is at work');
    const last = result.responses.at(-1);
    this.#cursor = { revision: through, entry: last?.op === 'get' ? last.entry : undefined };
  }
}

function* byRevision(events: readonly WatchEvent[]): Iterable<[number, WatchEvent[]]> {
  const groups = Map.groupBy(events, (event) => event.revision);
  yield* groups;
}

/** What each pod was and is across one revision; a rename, which is a delete and a put, is one pair. */
function pairs(events: readonly WatchEvent[]): { before: Pod | undefined; after: Pod | undefined }[] {
  const byUid = new Map<string, { before: Pod | undefined; after: Pod | undefined }>();
  for (const event of events) {
    const before = event.prev && podOf(event.prev);
    const after = event.type === 'put' ? podOf(event.entry) : undefined;
    if (before) byUid.set(before.meta.uid, { after: byUid.get(before.meta.uid)?.after, before });
    if (after) byUid.set(after.meta.uid, { before: byUid.get(after.meta.uid)?.before, after });
  }
  return [...byUid.values()];
}

function podOf(entry: Entry): Pod | undefined {
  try {
    return decode('Pod', entry.value, entry.modRevision);
  } catch {
    // The cache reports what can't be read; there is nothing to tell about it here.
    return undefined;
  }
}

/** A pod's network and volumes, which it has from its start to its end. The network goes by its name. */
function joined(pod: Pod, network: string, volume: string): Happening[] {
  const { spec, meta } = pod;
  const container = meta.uid;
  const all: Happening[] = [];
  for (const { name } of spec.networks) {
    all.push({ type: 'network', action: network, actor: name, attributes: { container, name } });
  }
  for (const mount of spec.containers.flatMap((c) => c.mounts)) {
    if (mount.type !== 'volume') continue;
    const where = {
      destination: mount.target,
      driver: 'local',
      propagation: '',
      'read/write': String(!mount.readOnly),
    };
    const attributes = volume === 'mount' ? { container, ...where } : { container, driver: 'local' };
    all.push({ type: 'volume', action: volume, actor: mount.volume, attributes });
  }
  return all;
}

/** What a change of a pod means in Docker's words, in the order it happened. */
export function happenings(before: Pod | undefined, after: Pod | undefined): Happening[] {
  const pod = after ?? before;
  const [main] = pod?.spec.containers ?? [];
  if (!pod || !main) return [];
  const happened = (action: string, more: Record<string, string> = {}): Happening => ({
    type: 'container',
    action,
    actor: pod.meta.uid,
    attributes: { ...pod.meta.labels, image: main.image.name, name: pod.meta.name, ...more },
  });
  if (!after) return [happened('destroy')];
  const was = before?.status.containers.find((container) => container.name === main.name);
  const is = after.status.containers.find((container) => container.name === main.name);
  if (!is) return [];
  const all: Happening[] = [];
  if (is.startedAt !== undefined && is.startedAt !== was?.startedAt) {
    all.push(...joined(after, 'connect', 'mount'), happened('start'));
  }
  const health = is.health?.status;
  if (health !== undefined && health !== 'starting' && health !== was?.health?.status) {
    all.push(happened(`health_status: ${health}`));
  }
  if (is.finishedAt !== undefined && is.finishedAt !== was?.finishedAt && is.startedAt !== undefined) {
    if (is.oomKilled) all.push(happened('oom'));
    const durationMs = Date.parse(is.finishedAt) - Date.parse(is.startedAt);
    const execDuration = String(Math.max(0, Math.floor(durationMs / 1000)));
    all.push(happened('die', { exitCode: String(is.exitCode), execDuration }));
    all.push(...joined(after, 'disconnect', 'unmount'));
  }
  return all;
}
