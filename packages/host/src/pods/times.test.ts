import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isoOf } from './times.ts';

for (const [ns, iso] of [
  [0n, '1970-01-01T00:00:00.000000000Z'],
  [1_700_000_000_000_000_001n, '2023-11-14T22:13:20.000000001Z'],
  [-1n, '1969-12-31T23:59:59.999999999Z'],
  [-1_500_000_000n, '1969-12-31T23:59:58.500000000Z'],
  [10n ** 30n, '9999-12-31T23:59:59.999999999Z'],
  [-(10n ** 30n), '0001-01-01T00:00:00.000000000Z'],
] as const) {
  test(`${ns} ns is ${iso}`, () => assert.equal(isoOf(ns), iso));
}
