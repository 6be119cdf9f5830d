import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { WorkloadSpec } from '../model/index.ts';
import { isFinished } from './job.ts';
import { sampleSpec, WorkloadSim } from './sim.ts';

const lines = (text: string): string[] => text.trim().split(/\s*\n\s*/);

function job(completions: number, parallelism: number, attemptsMax = 2): WorkloadSpec {
  return sampleSpec({
    mode: { type: 'job', completions, parallelism },
    restart: { condition: 'on-failure', delayMs: 1000, attemptsMax, windowMs: 0 },
  });
}

describe('jobs', () => {
  test('so many at a time, until so many have succeeded; a slot that fails again and again is given up', () => {
    const sim = new WorkloadSim(job(4, 2));
    sim.behaves = (pod) => ({ lastsMs: 1000, code: pod.meta.labels['kr.slot'] === '2' ? 1 : 0 });
    sim.pass(12);
    assert.deepEqual(
      sim.log,
      lines(`
        0s create 1#1 v1
        0s create 2#1 v1
        1s 1#1 ended with 0
        1s 2#1 ended with 1
        1s create 3#1 v1
        1s create 4#1 v1
        2s 3#1 ended with 0
        2s 4#1 ended with 0
        2s create 2#2 v1
        3s 2#2 ended with 1
        4s create 2#3 v1
        5s 2#3 ended with 1`),
    );
    const { succeeded, failed, givenUp, done } = sim.status;
    assert.deepEqual(
      { succeeded, failed, givenUp, done },
      {
        succeeded: 3,
        failed: 3,
        givenUp: { 2: 'it failed after 2 restarts' },
        done: ['1', '3', '4'],
      },
    );
    assert.ok(isFinished(sim.status));
  });

  test('a run that succeeded is not repeated when its pod is removed, but with the next iteration', () => {
    const sim = new WorkloadSim(job(1, 1));
    sim.behaves = () => ({ lastsMs: 1000, code: 0 });
    sim.pass(2);
    sim.pods.clear();
    sim.pass(2);
    assert.equal(sim.status.succeeded, 1);
    sim.change({ jobIteration: 1 });
    sim.pass(2);
    assert.deepEqual(
      sim.log,
      lines(`
        0s create 1#1 v1
        1s 1#1 ended with 0
        4s create 1#2 v1
        5s 1#2 ended with 0`),
    );
  });

  test('a new iteration ends the runs of the one before and removes them', () => {
    const sim = new WorkloadSim(job(2, 2));
    sim.pass(1);
    sim.change({ jobIteration: 1 });
    sim.pass(1);
    assert.deepEqual(sim.shown, ['1#2 running alpha', '2#2 running beta']);
  });

  test('a run on a lost host is made good elsewhere and is no failure', () => {
    const sim = new WorkloadSim(job(1, 1, 1));
    sim.behaves = () => ({ lastsMs: 10_000, code: 0 });
    sim.pass(1);
    for (const host of ['alpha', 'beta']) {
      sim.lose(host);
      sim.pass(1);
    }
    assert.deepEqual([sim.status.running, sim.status.failed], [1, 0]);
  });

  test('global: one run to success on each host, also on a host that comes later', () => {
    const sim = new WorkloadSim(sampleSpec({ ...job(0, 0), mode: { type: 'global-job' } }));
    sim.behaves = () => ({ lastsMs: 1000, code: 0 });
    sim.host('gamma', (host) => {
      host.status.ready = false;
    });
    sim.pass(3);
    assert.deepEqual(sim.status.done, ['alpha', 'beta']);
    sim.host('gamma', (host) => {
      host.status.ready = true;
    });
    sim.pass(3);
    assert.deepEqual(sim.status.done, ['alpha', 'beta', 'gamma']);
    sim.lose('alpha');
    sim.pass(3);
    assert.deepEqual([sim.status.desired, sim.status.succeeded], [3, 3]);
  });
});
