import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { WorkloadSpec } from '../model/index.ts';
import { sampleSpec, WorkloadSim } from './sim.ts';

const lines = (text: string): string[] => text.trim().split(/\s*\n\s*/);

function ordered(replicas: number, parallel = false, version = 'v1'): WorkloadSpec {
  const spec = sampleSpec({ mode: { type: 'ordered', replicas, parallel } }, version);
  for (const container of spec.template.spec.containers) {
    container.health = {
      test: ['CMD'],
      intervalMs: 1,
      timeoutMs: 1,
      startPeriodMs: 0,
      startIntervalMs: 1,
      retries: 1,
    };
  }
  return spec;
}

describe('ordered', () => {
  test('up one after the other, down in the opposite order, updated from the last to the first', () => {
    const sim = new WorkloadSim(ordered(3));
    sim.behaves = () => ({ health: 'healthy' });
    sim.pass(1);
    sim.change(ordered(3, false, 'v2'));
    sim.pass(7);
    sim.change(ordered(1, false, 'v2'));
    sim.pass(1);
    assert.deepEqual(
      sim.log,
      lines(`
        0s create 0#1 v1
        0s create 1#1 v1
        0s create 2#1 v1
        1s updating: update in progress
        1s stop 2#1
        1s remove 2#1
        1s create 2#2 v2
        1s stop 1#1
        1s remove 1#1
        1s create 1#2 v2
        1s stop 0#1
        1s remove 0#1
        1s create 0#2 v2
        6s completed: update completed
        8s stop 2#2
        8s remove 2#2
        8s stop 1#2
        8s remove 1#2`),
    );
    assert.deepEqual(
      [...sim.pods.values()].map(({ meta }) => meta.name),
      ['web-0'],
    );
  });

  test('a slot waits until those before it are ready, unless it need not', () => {
    for (const parallel of [false, true]) {
      const sim = new WorkloadSim(ordered(3, parallel));
      sim.behaves = (pod) => ({ health: pod.meta.labels['kr.slot'] === '1' ? 'starting' : 'healthy' });
      sim.pass(2);
      assert.equal(sim.pods.size, parallel ? 3 : 2);
    }
  });

  test('a pod that ended makes room for the next of its name after the delay', () => {
    const sim = new WorkloadSim(ordered(1));
    sim.behaves = () => ({ lastsMs: 1000, code: 1 });
    sim.pass(8);
    assert.deepEqual(
      sim.log,
      lines(`
        0s create 0#1 v1
        1s 0#1 ended with 1
        6s remove 0#1
        6s create 0#2 v1
        7s 0#2 ended with 1`),
    );
  });

  test('it is given up after so many restarts, though no ended pod is kept', () => {
    for (const windowMs of [0, 3_000]) {
      const restart = { condition: 'any', delayMs: 1000, attemptsMax: 2, windowMs } as const;
      const sim = new WorkloadSim({ ...ordered(1), restart });
      sim.behaves = () => ({ lastsMs: 1000, code: 1 });
      sim.pass(30);
      const made = sim.log.filter((line) => line.includes('create')).length;
      if (windowMs === 0) {
        assert.equal(made, 3, sim.log.join('; '));
        assert.deepEqual(sim.status.givenUp, { 0: 'it failed after 2 restarts' });
      } else {
        assert.ok(made > 10, 'so many within the window are never counted');
      }
    }
  });

  test('on a lost host: only once it is sure that the old one is gone', () => {
    const sim = new WorkloadSim(ordered(1));
    sim.pass(1);
    sim.lose('alpha');
    sim.pass(3);
    assert.equal(sim.log.filter((line) => line.includes('create')).length, 1);
    sim.regain('alpha');
    sim.pass(1);
    assert.equal(sim.log.filter((line) => line.includes('create')).length, 2);
  });

  test('a name that somebody else has is waited for, and the status says so', () => {
    const sim = new WorkloadSim(ordered(2));
    sim.behaves = () => ({ health: 'healthy' });
    sim.taken.add('web-0');
    sim.pass(2);
    assert.equal(sim.pods.size, 0);
    assert.equal(sim.status.message, 'the name web-0 is taken');
    sim.taken.clear();
    sim.pass(2);
    assert.equal(sim.pods.size, 2);
  });
});
