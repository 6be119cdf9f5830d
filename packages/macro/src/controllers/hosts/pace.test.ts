import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock } from '@kraud/base';
import type { Host } from '../../model/index.ts';
import { sampleHost } from '../../model/samples.ts';
import { MoveBudget, moveDefaults, paceOf } from './pace.ts';

const startMs = Date.parse('2026-01-01T00:00:00Z');
const seconds = 1000;

/** Hosts, each lost so many seconds after the start; undefined = there. */
function fleet(...lostAfterS: (number | undefined)[]): Host[] {
  return lostAfterS.map((afterS, index) => {
    const host = sampleHost(`h${index}`);
    if (afterS === undefined) return host;
    const lostAt = new Date(startMs + afterS * seconds).toISOString();
    return { ...host, status: { ...host.status, ready: false, lostAt } };
  });
}

const up = undefined;
const cases: [string, (number | undefined)[], number, string][] = [
  ['none is lost', [up, up, up], 0, 'free'],
  ['one of three', [0, up, up], 1, 'free'],
  ['two of three at once', [0, 10, up], 11, 'held'],
  ['two of three, a while apart', [0, 20, up], 21, 'free'],
  ['two of four are not more than half', [0, 1, up, up], 2, 'free'],
  ['three of five within the window', [0, 7, 15, up, up], 16, 'held'],
  ['the hold counts from the last of them', [0, 7, 15, up, up], 74, 'held'],
  ['slowly after the hold', [0, 7, 15, up, up], 76, 'slow'],
  ['the only host', [0], 1, 'free'],
  ['both hosts', [0, 1], 2, 'held'],
  ['hosts that were lost long ago do not count as there', [-9_000, -9_000, 0, 1, up], 2, 'held'],
  ['nor as lost now', [-9_000, -8_000, 0, up, up, up], 2, 'free'],
];

describe('how fast pods move', () => {
  for (const [name, lost, atS, moves] of cases) {
    test(name, () => assert.equal(paceOf(fleet(...lost), startMs + atS * seconds).moves, moves));
  }

  test('no more than the budget: a burst, then so many a second', async () => {
    const clock = new FakeClock();
    const budget = new MoveBudget(clock, 3);
    const takeAll = (): number => {
      let taken = 0;
      while (budget.take(moveDefaults.movesPerS) === 0) taken += 1;
      return taken;
    };
    assert.equal(takeAll(), 3);
    const waitMs = budget.take(50);
    assert.equal(waitMs, 20);
    await clock.advance(waitMs);
    assert.equal(takeAll(), 1);
    await clock.advance(60_000);
    assert.equal(takeAll(), 3);
  });
});
