import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Claim, warmTargets } from './demand.ts';

const limits = { warmMax: 4, windowMs: 60_000, herdMs: 2_000 };
const targets = (claims: Claim[], max = 4): [string, number][] => [
  ...warmTargets(claims, 100_000, 'small', { ...limits, warmMax: max }),
];
const at = (className: string, ...times: number[]): Claim[] => times.map((atMs) => ({ atMs, className }));

test('without demand there is one slot of the default class', () => {
  assert.deepEqual(targets([]), [['small', 1]]);
  assert.deepEqual(targets(at('big', 10_000)), [['small', 1]]);
});

test('none is none', () => {
  assert.deepEqual(targets(at('small', 99_000, 99_001), 0), []);
});

test('a herd is remembered, claims one after another are not a herd', () => {
  assert.deepEqual(targets(at('small', 50_000, 51_000, 51_500)), [['small', 3]]);
  assert.deepEqual(targets(at('small', 50_000, 60_000, 70_000)), [['small', 1]]);
});

test('the class asked for last comes first when there is not enough', () => {
  assert.deepEqual(targets([...at('small', 50_000, 50_001, 50_002), ...at('big', 60_000, 60_001)]), [
    ['big', 2],
    ['small', 2],
  ]);
});

test('never more than the maximum', () => {
  const claim = fc.record({
    atMs: fc.integer({ min: 0, max: 100_000 }),
    className: fc.constantFrom('a', 'b', 'small'),
  });
  fc.assert(
    fc.property(fc.array(claim), fc.integer({ min: 0, max: 6 }), (claims, max) => {
      const sorted = claims.toSorted((a, b) => a.atMs - b.atMs);
      const sum = targets(sorted, max).reduce((total, [, count]) => total + count, 0);
      assert.ok(sum <= max);
    }),
  );
});
