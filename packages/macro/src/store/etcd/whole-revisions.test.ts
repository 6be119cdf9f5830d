import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WholeRevisions } from './whole-revisions.ts';
import type { EtcdEvent } from './wire/responses.ts';

function event(revision: number, key: string): EtcdEvent {
  const kv = { key, value: '', createRevision: revision, modRevision: revision, version: 1, lease: 0 };
  return { deleted: false, kv, prev: undefined };
}

/** How many events each revision has, and where the stream is cut: into answers, and those into fragments. */
const stream = fc.array(fc.record({ events: fc.integer({ min: 1, max: 4 }), endsAnswer: fc.boolean() }), {
  minLength: 1,
  maxLength: 12,
});

test('however an answer is cut, revisions come out whole, once and in order', () => {
  fc.assert(
    fc.property(stream, fc.infiniteStream(fc.boolean()), fc.nat({ max: 5 }), (revisions, cuts, after) => {
      const whole = new WholeRevisions(after);
      const seen: string[][] = [];
      let pending: EtcdEvent[] = [];
      const take = (fragment: boolean): void => {
        for (const { events } of whole.take({ events: pending, fragment }))
          seen.push(events.map(({ kv }) => kv.key));
        pending = [];
      };
      revisions.forEach(({ events, endsAnswer }, i) => {
        for (let n = 0; n < events; n += 1) {
          pending.push(event(i + 1, `${i + 1}.${n}`));
          if (cuts.next().value) take(true);
        }
        if (endsAnswer || i === revisions.length - 1) take(false);
      });
      const expected = revisions.map(({ events }, i) =>
        Array.from({ length: events }, (_, n) => `${i + 1}.${n}`),
      );
      assert.deepEqual(seen, expected.slice(after));
    }),
  );
});

test('what was seen is not seen again', () => {
  const whole = new WholeRevisions(0);
  const first = { events: [event(1, 'a'), event(2, 'b')], fragment: false };
  assert.equal(whole.take(first).length, 2);
  assert.deepEqual(
    whole.take({ events: [...first.events, event(3, 'c')], fragment: false }).map(({ revision }) => revision),
    [3],
  );
});
