import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDurationMs } from './units.ts';

test('durations', () => {
  const cases: [string, number][] = [
    ['24h', 86_400_000],
    ['1h30m', 5_400_000],
    ['500ms', 500],
    ['1m5s', 65_000],
    ['7d', 604_800_000],
    ['0s', 0],
  ];
  for (const [text, ms] of cases) assert.equal(parseDurationMs(text), ms, text);
  for (const text of ['', '5', 'h', '1.5h', '-1h', '1m1h', '1h1h', '1 h', '1h ', '12345678901s']) {
    assert.throws(() => parseDurationMs(text), { code: 'invalid' }, text);
  }
});
