/**
 * What clients did to some keys and what they were told, and what the store says happened. Every written value is
 * unique, so that each event can be traced to its write. Times are monotonic milliseconds.
 */
export interface History {
  readonly ops: readonly Operation[];
  /** Every put that the store took, in order of revision, from before the first operation on. */
  readonly events: readonly { readonly key: string; readonly revision: number; readonly value: string }[];
}

interface Timed {
  readonly key: string;
  readonly startMs: number;
  readonly endMs: number;
}

export interface Write extends Timed {
  readonly kind: 'write';
  readonly value: string;
  /** Written only if the key's last put was at this revision (0: it has none); absent: written whatever is there. */
  readonly expected?: number;
  /** `unknown`: no answer came; it may be applied, once, at any time after its start. */
  readonly outcome: 'done' | 'refused' | 'unknown';
  /** The store's revision in the answer: of this write, or when it was refused. */
  readonly revision?: number;
}

export interface Read extends Timed {
  readonly kind: 'read';
  readonly value: string | undefined;
  readonly revision: number;
}

export type Operation = Write | Read;

/**
 * What is wrong with a history: nothing, if no acknowledged write is lost or applied twice, and if everything that
 * was answered is as if it had happened in one order, the order of revisions, at one moment between question and
 * answer. The revisions name that order, so checking it takes no search.
 */
export function checkHistory(history: History): string[] {
  return [...checkEvents(history), ...checkAnswers(history), ...checkTime(history)];
}

/** Every event is of a write that wasn't refused, at the revision it was told; every acknowledged write has its event. */
function checkEvents({ ops, events }: History): string[] {
  const faults: string[] = [];
  const writes = new Map<string, Write>();
  for (const op of ops) if (op.kind === 'write') writes.set(op.value, op);
  const applied = new Map<string, number>();
  const last = new Map<string, number>();
  for (const { key, value, revision } of events) {
    const write = writes.get(value);
    const before = last.get(key) ?? 0;
    last.set(key, revision);
    if (!write || write.key !== key) faults.push(`${key}=${value}@${revision} was written by nobody`);
    else if (applied.has(value))
      faults.push(`${value} was applied twice: @${applied.get(value)} and @${revision}`);
    else if (write.outcome === 'refused') faults.push(`${value} was refused and applied @${revision}`);
    else if (write.outcome === 'done' && write.revision !== revision)
      faults.push(`${value} was acknowledged @${write.revision} and applied @${revision}`);
    if (write?.expected !== undefined && write.expected !== before)
      faults.push(`${value}@${revision} expected @${write.expected} and overwrote @${before}`);
    applied.set(value, revision);
  }
  for (const write of writes.values()) {
    if (write.outcome === 'done' && !applied.has(write.value))
      faults.push(`${write.value} was acknowledged @${write.revision} and is lost`);
  }
  return faults;
}

/** What reads and refusals told is what was there at their revision. */
function checkAnswers({ ops, events }: History): string[] {
  const faults: string[] = [];
  const byKey = Map.groupBy(events, ({ key }) => key);
  const at = (key: string, revision: number) =>
    (byKey.get(key) ?? []).findLast((event) => event.revision <= revision);
  for (const op of ops) {
    if (op.kind === 'read') {
      const there = at(op.key, op.revision);
      if (there?.value !== op.value)
        faults.push(`a read of ${op.key} saw ${op.value} @${op.revision}, where ${there?.value} was`);
    } else if (op.outcome === 'refused' && op.revision !== undefined) {
      if ((at(op.key, op.revision)?.revision ?? 0) === op.expected)
        faults.push(`${op.value} was refused @${op.revision} though ${op.key} was at @${op.expected}`);
    }
  }
  return faults;
}

/** What ended before something else began is before it in the order of revisions. */
function checkTime({ ops, events }: History): string[] {
  const faults: string[] = [];
  const revisions = new Map(events.map(({ value, revision }) => [value, revision]));
  const placed = ops.flatMap((op) => {
    const revision = op.kind === 'write' && op.outcome === 'unknown' ? revisions.get(op.value) : op.revision;
    return revision === undefined ? [] : [{ op, revision }];
  });
  const isWrite = (op: Operation): boolean => op.kind === 'write' && op.outcome !== 'refused';
  const ended = placed
    .filter(({ op }) => op.kind === 'read' || op.outcome !== 'unknown')
    .sort((a, b) => a.op.endMs - b.op.endMs);
  let next = 0;
  let floor = 0;
  for (const { op, revision } of placed.sort((a, b) => a.op.startMs - b.op.startMs)) {
    for (; (ended[next]?.op.endMs ?? Number.POSITIVE_INFINITY) < op.startMs; next += 1)
      floor = Math.max(floor, ended[next]?.revision ?? 0);
    // A write takes a revision of its own; who only looks may be at the same one.
    if (revision < floor || (isWrite(op) && revision === floor))
      faults.push(`a ${op.kind} of ${op.key} began after @${floor} was answered, and is @${revision}`);
  }
  return faults;
}
