import assert from 'node:assert/strict';
import { test } from 'node:test';
import { humanDuration, nsToIso, parseDurationNs, parseTimeNs } from './times.ts';

const nowMs = 1_700_000_000_000;

for (const [text, ns] of [
  ['1700000000', 1_700_000_000_000_000_000n],
  ['1700000000.5', 1_700_000_000_500_000_000n],
  ['1700000000.000000001', 1_700_000_000_000_000_001n],
  ['0', 0n],
  ['2023-11-14T22:13:20Z', 1_700_000_000_000_000_000n],
  ['2023-11-14T22:13:20.123456789Z', 1_700_000_000_123_456_789n],
  ['2023-11-14T23:13:20+01:00', 1_700_000_000_000_000_000n],
  ['2023-11-14T22:13', 1_699_999_980_000_000_000n],
  ['2023-11-14', 1_699_920_000_000_000_000n],
  ['10m', 1_699_999_400_000_000_000n],
  ['1h0m30s', 1_699_996_370_000_000_000n],
] as const) {
  test(text, () => assert.equal(parseTimeNs(text, 'since', nowMs), ns));
}

for (const text of ['', 'yesterday', '1h2', '2023-13-01', '12:00', '1e9', '--1']) {
  test(`'${text}' is refused by name`, () => {
    assert.throws(() => parseTimeNs(text, 'since', nowMs), { code: 'invalid', message: /"since"/ });
  });
}

test('durations', () => {
  assert.equal(parseDurationNs('1.5s'), 1_500_000_000n);
  assert.equal(parseDurationNs('1'), undefined);
});

test('nine digits', () =>
  assert.equal(nsToIso(1_700_000_000_000_000_001n), '2023-11-14T22:13:20.000000001Z'));

for (const [seconds, words] of [
  [0, 'Less than a second'],
  [1, '1 second'],
  [59, '59 seconds'],
  [60, 'About a minute'],
  [150, '2 minutes'],
  [3600, 'About an hour'],
  [7200, '2 hours'],
  [172_800, '2 days'],
  [1_814_400, '3 weeks'],
  [7_776_000, '3 months'],
  [94_608_000, '3 years'],
] as const) {
  test(`${seconds} s: ${words}`, () => assert.equal(humanDuration(seconds * 1000), words));
}
