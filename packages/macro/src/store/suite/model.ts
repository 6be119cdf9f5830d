import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Op } from '../contract.ts';
import { eventsOf, type OpenWorld, watchUntil } from './world.ts';

/** The whole history, kept plainly: the values after each revision. */
type History = Map<number, Map<string, string>>;

const key = fc.constantFrom('/a', '/a/1', '/a/2', '/b', '/b/1', '/c');
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant('put' as const), key, value: fc.string() }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('delete' as const), key }) },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('deletePrefix' as const), prefix: fc.constantFrom('/a', '/b/') }),
  },
);
const script = fc.array(fc.uniqueArray(op, { maxLength: 3, selector: touched }), {
  minLength: 1,
  maxLength: 25,
});

export function modelSuite(open: OpenWorld): void {
  describe('any script of transactions', () => {
    test('states, events and their history agree with a plain model', async () => {
      const property = fc.asyncProperty(script, fc.nat(), async (txns, chance) => {
        await using world = await open();
        const { store } = world;
        const start = await store.revision();
        const history: History = new Map([[start, new Map()]]);
        let state = new Map<string, string>();
        let revision = start;
        for (const then of txns) {
          const next = applied(state, then);
          const result = await store.txn({ success: then });
          const changed = then.some((one) => one.op === 'put') || next.size !== state.size;
          assert.equal(result.revision, changed ? revision + 1 : revision);
          revision = result.revision;
          state = next;
          history.set(revision, state);
        }
        const compacted = start + (chance % (revision - start + 1));
        if (compacted > start) await store.compact(compacted);
        for (let at = compacted; at <= revision; at += 1) {
          assert.deepEqual(await valuesAt(world.store, at), sorted(history.get(at)));
          if (at === revision) continue;
          const replayed = new Map(history.get(at));
          for (const event of eventsOf(await watchUntil(store, '/', at + 1, revision))) {
            assert.equal(event.prev?.value, replayed.get(event.key));
            if (event.type === 'put') replayed.set(event.key, event.entry.value);
            else replayed.delete(event.key);
          }
          assert.deepEqual(sorted(replayed), sorted(state));
        }
      });
      await fc.assert(property, { numRuns: 40 });
    });
  });
}

/** Operations that share this may not stand in one transaction. */
function touched(one: Op): string {
  const name = one.op === 'deletePrefix' ? one.prefix : one.key;
  return name.startsWith('/a') ? '/a' : name.startsWith('/b') ? '/b' : name;
}

function applied(state: ReadonlyMap<string, string>, ops: readonly Op[]): Map<string, string> {
  const next = new Map(state);
  for (const one of ops) {
    if (one.op === 'put') next.set(one.key, one.value);
    if (one.op === 'delete') next.delete(one.key);
    if (one.op !== 'deletePrefix') continue;
    for (const name of [...next.keys()]) if (name.startsWith(one.prefix)) next.delete(name);
  }
  return next;
}

async function valuesAt(
  store: {
    list(
      prefix: string,
      options: { revision: number },
    ): Promise<{ entries: readonly { key: string; value: string }[] }>;
  },
  revision: number,
): Promise<[string, string][]> {
  const { entries } = await store.list('/', { revision });
  return entries.map((entry) => [entry.key, entry.value]);
}

function sorted(state: ReadonlyMap<string, string> | undefined): [string, string][] {
  return [...(state ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
}
