import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { anywhere, type WorkloadSpec } from '../model/index.ts';
import { samplePod } from '../model/samples.ts';
import { isOver } from './member.ts';
import { sampleSpec, WorkloadSim } from './sim.ts';

const replicas = (count: number): Partial<WorkloadSpec> => ({
  mode: { type: 'replicated', replicas: count },
});
const lines = (text: string): string[] => text.trim().split(/\s*\n\s*/);

describe('replicated', () => {
  test('slots are filled, added, taken away, and all go with the workload', () => {
    const sim = new WorkloadSim(sampleSpec());
    sim.pass(3);
    sim.change(replicas(4));
    sim.pass(1);
    sim.change(replicas(1));
    sim.pass(1);
    sim.change(replicas(2));
    sim.pass(1);
    sim.delete();
    sim.pass(1);
    assert.deepEqual(
      sim.log,
      lines(`
        0s create 1#1 v1
        0s create 2#1 v1
        3s create 3#1 v1
        3s create 4#1 v1
        4s stop 2#1
        4s stop 3#1
        4s stop 4#1
        4s remove 2#1
        4s remove 3#1
        4s remove 4#1
        5s create 2#2 v1
        6s stop 1#1
        6s stop 2#2
        6s remove 1#1
        6s remove 2#2
        6s gone`),
    );
  });

  test('the slots that go are those that do not run, then those of the most crowded host', () => {
    const sim = new WorkloadSim(sampleSpec(replicas(5)), { hosts: ['alpha', 'beta'] });
    sim.behaves = (pod) => (pod.meta.labels['kr.slot'] === '2' ? { lastsMs: 1000, code: 1 } : {});
    sim.pass(2);
    assert.deepEqual(sim.shown, [
      '1#1 running alpha',
      '2#1 ended beta',
      '3#1 running alpha',
      '4#1 running beta',
      '5#1 running alpha',
    ]);
    sim.change(replicas(4));
    sim.settle();
    sim.change(replicas(3));
    sim.settle();
    assert.deepEqual(sim.shown, ['1#1 running alpha', '3#1 running alpha', '4#1 running beta']);
  });

  test('a pod that ends is followed by another, after the delay; the last few stay to be seen', () => {
    const sim = new WorkloadSim(sampleSpec({ ...replicas(1), endedKept: 2 }));
    sim.behaves = () => ({ lastsMs: 2000, code: 1 });
    sim.pass(25);
    assert.deepEqual(
      sim.log,
      lines(`
        0s create 1#1 v1
        2s 1#1 ended with 1
        7s create 1#2 v1
        9s 1#2 ended with 1
        14s create 1#3 v1
        16s 1#3 ended with 1
        16s remove 1#1
        21s create 1#4 v1
        23s 1#4 ended with 1
        23s remove 1#2`),
    );
  });

  for (const [condition, code, created] of [
    ['any', 0, 4],
    ['any', 1, 4],
    ['on-failure', 0, 1],
    ['on-failure', 1, 4],
    ['none', 1, 1],
  ] as const) {
    test(`condition ${condition}, code ${code}, 3 attempts: ${created} pods`, () => {
      const restart = { condition, delayMs: 1000, attemptsMax: 3, windowMs: 0 };
      const sim = new WorkloadSim(sampleSpec({ ...replicas(1), restart, endedKept: 0 }));
      sim.behaves = () => ({ lastsMs: 1000, code });
      sim.pass(60);
      assert.equal(sim.log.filter((line) => line.includes('create')).length, created);
      assert.deepEqual(Object.keys(sim.status.givenUp), ['1']);
    });
  }

  test('attempts count within their window only', () => {
    const restart = { condition: 'any', delayMs: 0, attemptsMax: 2, windowMs: 5000 } as const;
    const sim = new WorkloadSim(sampleSpec({ ...replicas(1), restart }));
    sim.behaves = () => ({ lastsMs: 3000, code: 1 });
    sim.pass(60);
    assert.deepEqual(sim.status.givenUp, {});
    sim.behaves = () => ({ lastsMs: 1000, code: 1 });
    sim.pass(60);
    assert.deepEqual(sim.status.givenUp, { 1: 'it failed after 2 restarts' });
  });

  test('a program that can not be started, and one that is unhealthy, have failed', () => {
    const sim = new WorkloadSim(sampleSpec());
    for (const container of sim.workload?.spec.template.spec.containers ?? []) {
      container.health = {
        test: ['CMD'],
        intervalMs: 1,
        timeoutMs: 1,
        startPeriodMs: 0,
        startIntervalMs: 1,
        retries: 1,
      };
    }
    sim.behaves = (pod) => (pod.meta.labels['kr.slot'] === '1' ? { fails: true } : { health: 'unhealthy' });
    sim.pass(6);
    assert.deepEqual(
      sim.log,
      lines(`
        0s create 1#1 v1
        0s create 2#1 v1
        0s 1#1 ended with 127
        0s stop 2#1
        5s create 1#2 v1
        5s create 2#2 v1
        5s 1#2 ended with 127
        5s stop 2#2`),
    );
  });

  test('a lost host: pods are replaced at once; a drained one: after they have stopped', () => {
    const sim = new WorkloadSim(sampleSpec());
    sim.pass(1);
    sim.lose('alpha');
    sim.pass(1);
    assert.deepEqual(sim.shown, ['1#1 running alpha', '1#2 running gamma', '2#1 running beta']);
    sim.regain('alpha');
    sim.pass(1);
    sim.host('beta', (host) => {
      host.spec.drained = true;
    });
    sim.pass(1);
    assert.deepEqual(
      sim.log,
      lines(`
        0s create 1#1 v1
        0s create 2#1 v1
        1s create 1#2 v1
        1s remove 1#1
        2s 1#1 ended with 137
        3s stop 2#1
        3s create 2#2 v1`),
    );
  });

  test('a drained host with start-first: its pod stays until the next one is ready', () => {
    const sim = new WorkloadSim(sampleSpec(replicas(1)));
    for (const container of sim.workload?.spec.template.spec.containers ?? []) {
      container.health = {
        test: ['CMD'],
        intervalMs: 1,
        timeoutMs: 1,
        startPeriodMs: 0,
        startIntervalMs: 1,
        retries: 1,
      };
    }
    sim.change({ update: { ...sampleSpec().update, order: 'start-first' } });
    let health: 'healthy' | 'starting' = 'healthy';
    sim.behaves = (pod) => ({ health: pod.meta.labels['kr.attempt'] === '1' ? 'healthy' : health });
    sim.pass(1);
    health = 'starting';
    sim.host('alpha', (host) => {
      host.spec.drained = true;
    });
    sim.pass(2);
    assert.deepEqual(sim.shown, ['1#1 running alpha', '1#2 running beta']);
    health = 'healthy';
    sim.pass(1);
    assert.deepEqual(sim.shown, ['1#1 ended alpha', '1#2 running beta']);
  });

  test('while it may not move, what is lost is not replaced', () => {
    const sim = new WorkloadSim(sampleSpec());
    sim.pass(1);
    sim.mayMove = false;
    sim.lose('alpha');
    sim.pass(5);
    assert.equal(sim.log.length, 2);
    sim.mayMove = true;
    sim.pass(1);
    assert.deepEqual(sim.log.slice(2), ['6s create 1#2 v1', '6s remove 1#1']);
  });
});

describe('global', () => {
  const global: Partial<WorkloadSpec> = { mode: { type: 'global' } };

  test('one on each host, also on those that come later, none where it may not be', () => {
    const sim = new WorkloadSim(sampleSpec(global));
    sim.host('gamma', (host) => {
      host.spec.cordoned = true;
    });
    sim.pass(1);
    assert.deepEqual(sim.shown, ['alpha#1 running alpha', 'beta#1 running beta']);
    for (const [name, cordoned] of [
      ['gamma', false],
      ['alpha', true],
    ] as const) {
      sim.host(name, (host) => {
        host.spec.cordoned = cordoned;
      });
    }
    sim.pass(1);
    assert.deepEqual(sim.shown, ['alpha#1 running alpha', 'beta#1 running beta', 'gamma#1 running gamma']);
    sim.host('beta', (host) => {
      host.spec.taints = [{ key: 'gpu', value: '', effect: 'evict' }];
    });
    sim.pass(1);
    assert.deepEqual(sim.shown, ['alpha#1 running alpha', 'beta#1 ended beta', 'gamma#1 running gamma']);
    assert.equal(sim.status.desired, 2);
  });

  test('constraints choose the hosts, and a host that does not fit any more loses its pod', () => {
    const sim = new WorkloadSim(sampleSpec(global));
    const placement = { ...anywhere, constraints: [{ key: 'disk', op: 'in' as const, values: ['ssd'] }] };
    const { template } = sampleSpec();
    sim.change({
      template: { ...template, spec: { ...template.spec, placement } },
    });
    sim.host('beta', (host) => {
      host.meta.labels.disk = 'ssd';
    });
    sim.pass(1);
    assert.deepEqual(sim.shown, ['beta#1 running beta']);
    sim.host('beta', (host) => {
      host.meta.labels.disk = 'hdd';
    });
    sim.pass(1);
    assert.deepEqual(sim.shown, ['beta#1 ended beta']);
  });

  test('with a lost host its pod goes, and comes with the host', () => {
    const sim = new WorkloadSim(sampleSpec(global));
    sim.pass(1);
    sim.lose('beta');
    sim.pass(1);
    assert.equal(sim.status.desired, 2);
    sim.regain('beta');
    sim.pass(1);
    assert.deepEqual(sim.shown, ['alpha#1 running alpha', 'beta#2 running beta', 'gamma#1 running gamma']);
  });
});

test('a pod whose start failed is over, also when it was asked to stop at the same moment', () => {
  const pod = samplePod('web.1.x');
  pod.spec.host = 'alpha';
  for (const [wanted, serial, done, over] of [
    ['running', 1, 0, false],
    ['running', 1, 1, true],
    ['stopped', 1, 1, true],
    // Its host has not heard of it yet, and may be starting it.
    ['stopped', 1, 0, false],
  ] as const) {
    pod.spec.run = { wanted, serial, stoppedByUser: false };
    pod.status.phase = 'created';
    pod.status.serial = done;
    assert.equal(isOver(pod), over, `${wanted} ${serial} ${done}`);
  }
});
