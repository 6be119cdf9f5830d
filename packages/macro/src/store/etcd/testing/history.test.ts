import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '@kraud/base';
import fc from 'fast-check';
import { checkHistory, type History, type Operation, type Write } from './history.ts';

type Mutable = { ops: Operation[]; events: History['events'][number][] };

/** What clients see of a store that keeps its promises: each operation happens at one moment between start and end. */
function correct(seed: number): Mutable {
  const random = new SeededRandom(seed);
  const ops: Operation[] = [];
  const events: History['events'][number][] = [];
  const present = new Map<string, { revision: number; value: string }>();
  let revision = 10;
  for (let i = 0; i < 60; i += 1) {
    const key = `/k/${random.below(3)}`;
    const atMs = i * 10;
    const time = { key, startMs: atMs - random.below(40), endMs: atMs + random.below(40) };
    const there = present.get(key);
    const kind = random.below(4);
    if (kind === 0) {
      ops.push({ kind: 'read', ...time, value: there?.value, revision });
      continue;
    }
    const value = `w${i}`;
    const right = there?.revision ?? 0;
    const expected = kind === 1 ? undefined : random.below(3) === 0 ? right + 1 : right;
    const write = { kind: 'write', ...time, value, ...(expected === undefined ? {} : { expected }) } as const;
    if (expected !== undefined && expected !== right) {
      ops.push({ ...write, outcome: 'refused', revision });
      continue;
    }
    const silent = random.below(5) === 0;
    if (silent && random.below(2) === 0) {
      ops.push({ ...write, outcome: 'unknown' });
      continue;
    }
    revision += 1 + random.below(2);
    present.set(key, { revision, value });
    events.push({ key, revision, value });
    ops.push(silent ? { ...write, outcome: 'unknown' } : { ...write, outcome: 'done', revision });
  }
  return { ops, events };
}

test('a store that keeps its promises is not blamed', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      assert.deepEqual(checkHistory(correct(seed)), []);
    }),
  );
});

type Done = Write & { readonly revision: number };
const isDone = (op: Operation): op is Done => op.kind === 'write' && op.outcome === 'done';

/** Each breaks one promise; false if this history has no place for it. */
const violations: Record<string, (history: Mutable, random: SeededRandom) => boolean> = {
  'an acknowledged write is lost': ({ ops, events }, random) => {
    const done = ops.filter(isDone);
    const lost = done[random.below(done.length)];
    if (!lost) return false;
    events.splice(
      events.findIndex(({ value }) => value === lost.value),
      1,
    );
    return true;
  },
  'a write is applied twice': ({ events }, random) => {
    const twice = events[random.below(events.length)];
    if (twice) events.push({ ...twice, revision: 1_000_000 });
    return twice !== undefined;
  },
  'a refused write is applied': ({ ops, events }) => {
    const refused = ops.find((op) => op.kind === 'write' && op.outcome === 'refused');
    if (refused?.value === undefined) return false;
    events.push({ key: refused.key, value: refused.value, revision: 1_000_000 });
    return true;
  },
  'an update is lost under a compare-and-set': ({ ops, events }, random) => {
    const sets = ops
      .filter((op) => isDone(op) && op.expected !== undefined && op.expected > 0)
      .filter(isDone);
    const set = sets[random.below(Math.max(1, sets.length))];
    if (!set) return false;
    // Another write slips in between what was compared and what was set.
    const value = 'between';
    const at = set.revision - 0.5;
    events.splice(
      events.findIndex((event) => event.value === set.value),
      0,
      { key: set.key, value, revision: at },
    );
    ops.push({ kind: 'write', key: set.key, startMs: -100, endMs: 10_000, value, outcome: 'unknown' });
    return true;
  },
  'a read is stale': ({ ops }) => {
    const write = ops.find(isDone);
    if (!write) return false;
    const startMs = write.endMs + 1;
    ops.push({
      kind: 'read',
      key: write.key,
      startMs,
      endMs: startMs + 1,
      value: undefined,
      revision: write.revision - 1,
    });
    return true;
  },
  'a read sees what was never there': ({ ops }) => {
    ops.push({ kind: 'read', key: '/k/0', startMs: 0, endMs: 10_000, value: 'never', revision: 30 });
    return true;
  },
  'time runs backwards between two writes': ({ ops, events }) => {
    const last = events.at(-1);
    const done = ops.findLast(isDone);
    if (!last || !done) return false;
    const value = 'late';
    const revision = done.revision + 0.5;
    ops.push({
      kind: 'write',
      key: '/k/9',
      startMs: 9000,
      endMs: 9001,
      value: 'far',
      outcome: 'done',
      revision: 5000,
    });
    ops.push({ kind: 'write', key: '/k/9', startMs: 9500, endMs: 9501, value, outcome: 'done', revision });
    events.push({ key: '/k/9', revision, value }, { key: '/k/9', revision: 5000, value: 'far' });
    return true;
  },
};

for (const [name, plant] of Object.entries(violations)) {
  test(`it is seen when ${name}`, () => {
    let planted = 0;
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const history = correct(seed);
        if (!plant(history, new SeededRandom(seed + 1))) return;
        planted += 1;
        assert.notDeepEqual(checkHistory(history), []);
      }),
    );
    assert.ok(planted > 50, `planted only ${planted} times`);
  });
}
