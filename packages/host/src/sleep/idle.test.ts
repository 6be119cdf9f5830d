import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Glimpse, Idle } from './idle.ts';

const run = {};
const glimpse = (more: Partial<Glimpse> = {}): Glimpse => ({
  ...{ run, packets: 7, cpuS: 1, used: false, afterMs: 10_000 },
  ...more,
});

/** When the pod is first seen to be idle, of glimpses that are a second apart; undefined if never. */
function idleAtS(at: (s: number) => Partial<Glimpse>, untilS = 60): number | undefined {
  const idle = new Idle(0.05);
  for (let s = 0; s <= untilS; s += 1) {
    if (idle.look(new Map([['a', glimpse(at(s))]]), s * 1000).includes('a')) return s;
  }
  return undefined;
}

test('who does nothing is idle after its time', () => {
  assert.equal(
    idleAtS(() => ({})),
    10,
  );
});

test('a packet, a use, and another run each begin the time anew', () => {
  assert.equal(
    idleAtS((s) => ({ packets: s < 5 ? 7 : 8 })),
    15,
  );
  assert.equal(
    idleAtS((s) => ({ used: s === 5 })),
    15,
  );
  assert.equal(
    idleAtS((s) => ({ run: s < 5 ? run : idleAtS })),
    15,
  );
  assert.equal(
    idleAtS((s) => ({ packets: s })),
    undefined,
  );
});

test('who computes is not idle, who looks after itself now and then is', () => {
  assert.equal(
    idleAtS((s) => ({ cpuS: s * 0.06 })),
    undefined,
  );
  assert.equal(
    idleAtS((s) => ({ cpuS: s * 0.04 })),
    10,
  );
  const checks = (s: number): Partial<Glimpse> => ({ cpuS: Math.floor(s / 5) * 0.2 });
  assert.equal(idleAtS(checks), 10, 'a fifth of a second, all at once, every five');
  assert.equal(
    idleAtS((s) => ({ cpuS: Math.floor(s / 5) })),
    undefined,
  );
});

test('whoever is not looked at any more is forgotten', () => {
  const idle = new Idle(0.05);
  idle.look(new Map([['a', glimpse()]]), 0);
  idle.look(new Map(), 5000);
  assert.deepEqual(idle.look(new Map([['a', glimpse()]]), 12_000), []);
});
