import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isAtRest, isUp, mayBecome, podPhases } from './phases.ts';
import type { PodPhase } from './pod.ts';

describe('pod phases', () => {
  test('the drawing, edge by edge', () => {
    const edges = podPhases.map((from) => {
      const to = podPhases.filter((phase) => phase !== from && mayBecome(from, phase));
      return `${from} -> ${to.sort().join(' ')}`;
    });
    assert.deepEqual(edges, [
      'created -> exited removing running starting',
      'starting -> created exited removing running stopping',
      'running -> exited paused removing restarting stopping',
      'paused -> exited removing restarting running stopping',
      'stopping -> exited removing restarting running',
      'restarting -> exited removing running starting',
      'exited -> removing restarting running starting',
      'removing -> dead',
      'dead -> removing',
    ]);
  });

  test('on any walk: removal is final, pauses come from running, and every pod can be removed', () => {
    const walk = fc.array(fc.constantFrom(...podPhases), { maxLength: 60 });
    const property = fc.property(walk, (tries) => {
      let phase: PodPhase = 'created';
      let removing = false;
      for (const next of tries) {
        if (!mayBecome(phase, next)) continue;
        if (next === 'paused') assert.ok(phase === 'running' || phase === 'paused');
        phase = next;
        removing ||= phase === 'removing';
        if (removing) assert.ok(phase === 'removing' || phase === 'dead');
        assert.ok(mayBecome(phase, 'removing'));
        assert.ok(!(isUp(phase) && isAtRest(phase)));
      }
    });
    fc.assert(property);
  });
});
