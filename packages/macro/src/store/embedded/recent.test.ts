import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { WatchEvent } from '../contract.ts';
import { Recent } from './recent.ts';

const eventsMax = 40;

test('what is kept is the last of it, without a gap, within its limits', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 80 }), (sizes) => {
      const recent = new Recent({ eventsMax, charsMax: 1_000_000 });
      const all: WatchEvent[] = [];
      sizes.forEach((size, i) => {
        const revision = i + 1;
        const events = Array.from(
          { length: size },
          (_, n): WatchEvent => ({ type: 'delete', key: `/${revision}.${n}`, revision }),
        );
        all.push(...events);
        recent.push({ revision, events });
        const kept = Array.from({ length: revision }, (_, from) => recent.from(from + 1));
        const first = kept.findIndex((page) => page !== undefined);
        assert.ok(first >= 0, 'the newest is always there');
        kept.slice(first).forEach((page, n) => {
          const from = first + n + 1;
          assert.deepEqual(
            page?.events,
            all.filter((event) => event.revision >= from),
          );
          assert.equal(page?.through, revision);
        });
        assert.ok((kept[first]?.events.length ?? 0) <= eventsMax);
        assert.ok(all.length <= eventsMax === (first === 0), 'nothing is dropped before it must be');
      });
    }),
  );
});
