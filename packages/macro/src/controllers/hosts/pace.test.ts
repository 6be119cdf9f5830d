import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock } from '@kraud/base';
import fc from 'fast-check';
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
  ['two of three at once', [0, 0, up], 1, 'free'],
  ['three of four, a while apart', [0, 8, 16, up], 17, 'free'],
  ['three of six are not more than half', [0, 1, 2, up, up, up], 3, 'free'],
  ['three of five within the window', [0, 7, 15, up, up], 16, 'held'],
  ['the hold counts from the last of them', [0, 7, 15, up, up], 74, 'held'],
  ['slowly after the hold', [0, 7, 15, up, up], 76, 'slow'],
  ['the only host', [0], 1, 'free'],
  ['both hosts', [0, 1], 2, 'free'],
  ['six of ten', [0, 1, 2, 3, 4, 5, up, up, up, up], 6, 'held'],
  ['hosts that were lost long ago do not count as there', [-9_000, -9_000, 0, 1, 2, up, up], 3, 'held'],
  ['nor as lost now', [-9_000, -8_000, 0, 1, up, up], 2, 'free'],
];

describe('how fast pods move', () => {
  for (const [name, lost, atS, moves] of cases) {
    test(name, () => assert.equal(paceOf(fleet(...lost), startMs + atS * seconds).moves, moves));
  }

  test('never held or slow for fewer lost hosts than the least, nor for longer than a hold, nor for more hosts that are there', () => {
    const hosts = fc.array(fc.option(fc.integer({ min: -100, max: 100 }), { nil: undefined }), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(
        hosts,
        fc.integer({ min: 0, max: 300 }),
        fc.integer({ min: 1, max: 5 }),
        (lost, atS, least) => {
          const limits = { ...moveDefaults, massLossHostsMin: least };
          const nowMs = startMs + atS * seconds;
          const pace = paceOf(fleet(...lost), nowMs, limits);
          const away = lost.filter((afterS) => afterS !== undefined);
          if (away.length < least) assert.equal(pace.moves, 'free');
          if (pace.moves === 'held') {
            const lastMs = startMs + Math.max(...away) * seconds;
            assert.ok(pace.untilMs > nowMs && pace.untilMs <= lastMs + limits.massLossHoldMs);
          }
          const more = paceOf(fleet(...lost, up, up), nowMs, limits);
          if (pace.moves === 'free') assert.equal(more.moves, 'free');
        },
      ),
    );
  });

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
