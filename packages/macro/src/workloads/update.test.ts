import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { UpdatePolicy, WorkloadSpec } from '../model/index.ts';
import type { Member } from './member.ts';
import { type Behaviour, sampleSpec, WorkloadSim } from './sim.ts';
import { slotOf } from './slot.ts';
import { isStale } from './update.ts';

const lines = (text: string): string[] => text.trim().split(/\s*\n\s*/);
const replicas = (count: number): Partial<WorkloadSpec> => ({
  mode: { type: 'replicated', replicas: count },
});

/** Four replicas that run, and then their next version with this policy; `behaves` is how pods of that one do. */
function updating(policy: Partial<UpdatePolicy>, behaves: Behaviour = {}): WorkloadSim {
  const sim = new WorkloadSim(withHealth(sampleSpec(replicas(4))));
  sim.behaves = (pod) => ({ health: 'healthy', ...(versionOf(pod) === 'v2' ? behaves : {}) });
  sim.settle();
  sim.log.length = 0;
  change(sim, policy, 'v2');
  return sim;
}

function change(sim: WorkloadSim, policy: Partial<UpdatePolicy>, version: string): void {
  const update = { ...sampleSpec().update, monitorMs: 2000, ...policy };
  sim.change(withHealth(sampleSpec({ ...replicas(4), update }, version)));
}

function withHealth(spec: WorkloadSpec): WorkloadSpec {
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

function versionOf(pod: {
  spec: { containers: readonly { args: readonly string[] }[] };
}): string | undefined {
  return pod.spec.containers[0]?.args[1];
}

function versions(sim: WorkloadSim): string[] {
  return sim.live.map((pod) => `${pod.meta.labels['kr.slot']} ${versionOf(pod)}`).sort();
}

describe('a rolling update', () => {
  test('two at a time, each after its delay, watched at the end', () => {
    const sim = updating({ parallelism: 2, delayMs: 3000 });
    sim.pass(10);
    assert.deepEqual(
      sim.log,
      lines(`
        0s updating: update in progress
        0s stop 1#1
        0s stop 2#1
        0s create 1#2 v2
        0s create 2#2 v2
        3s stop 3#1
        3s stop 4#1
        3s create 3#2 v2
        3s create 4#2 v2
        6s completed: update completed`),
    );
    assert.deepEqual([sim.status.updated, sim.status.ready, sim.status.desired], [4, 4, 4]);
  });

  test('a clock that was ahead and is set right does not hold it up', () => {
    const sim = updating({ parallelism: 2, delayMs: 3000 });
    sim.nowMs += 3_600_000;
    sim.pass(1);
    sim.nowMs -= 3_600_000;
    sim.pass(10);
    assert.equal(sim.workload?.status.update?.state, 'completed');
  });

  test('all at once', () => {
    const sim = updating({ parallelism: 0 });
    sim.settle();
    assert.equal(sim.log.filter((line) => line.includes('create')).length, 4);
  });

  test('start-first: the old one stays until the new one is healthy', () => {
    const health: { health: 'starting' | 'healthy' } = { health: 'starting' };
    const sim = updating({ order: 'start-first' });
    sim.behaves = (pod) => (versionOf(pod) === 'v2' ? health : { health: 'healthy' });
    sim.pass(5);
    assert.deepEqual(versions(sim), ['1 v1', '1 v2', '2 v1', '3 v1', '4 v1']);
    health.health = 'healthy';
    sim.pass(1);
    assert.deepEqual(versions(sim), ['1 v2', '2 v2', '3 v2', '4 v2']);
    assert.deepEqual(
      sim.log.slice(0, 4),
      lines(`
        0s updating: update in progress
        0s create 1#2 v2
        5s create 2#2 v2
        5s stop 1#1`),
    );
  });

  test('pause: what is not reached yet keeps its version, also when its pod has to be replaced', () => {
    const sim = updating({}, { lastsMs: 1000, code: 1 });
    sim.behaves = (pod) => (versionOf(pod) === 'v2' ? { lastsMs: 1000, code: 1 } : { health: 'healthy' });
    sim.pass(2);
    assert.equal(sim.status.update?.state, 'paused');
    assert.match(
      sim.status.update?.message ?? '',
      /^update paused due to failure or early termination of task [0-9a-z]{25}$/,
    );
    assert.deepEqual(versions(sim), ['2 v1', '3 v1', '4 v1']);
    const [second] = sim.live;
    if (second) {
      sim.edit(second, (pod) => {
        Object.assign(pod.status, { phase: 'exited', serial: 1 });
      });
    }
    sim.pass(10);
    assert.deepEqual(versions(sim).slice(-3), ['2 v1', '3 v1', '4 v1']);
  });

  test('a paused one goes on when what is wanted is changed', () => {
    const sim = updating({}, { lastsMs: 1000, code: 1 });
    sim.pass(2);
    assert.equal(sim.status.update?.state, 'paused');
    change(sim, {}, 'v3');
    sim.pass(10);
    assert.equal(sim.status.update?.state, 'completed');
    assert.deepEqual(versions(sim), ['1 v3', '2 v3', '3 v3', '4 v3']);
  });

  test('rollback: back to what was, message by message', () => {
    const sim = updating({ onFailure: 'rollback', order: 'start-first' }, { fails: true });
    sim.pass(10);
    assert.deepEqual(
      sim.log,
      lines(`
        0s updating: update in progress
        0s create 1#2 v2
        0s 1#2 ended with 127
        0s rollback-started: update rolled back due to failure or early termination of task
        0s rollback-completed: rollback completed`),
    );
    assert.deepEqual(versions(sim), ['1 v1', '2 v1', '3 v1', '4 v1']);
    assert.equal(sim.workload?.spec.rollsBack, true);
  });

  test('a rollback that fails is paused', () => {
    const sim = updating({ onFailure: 'rollback' }, { lastsMs: 1000, code: 1 });
    sim.settle();
    sim.behaves = () => ({ lastsMs: 1000, code: 1 });
    sim.pass(3);
    assert.equal(sim.status.update?.state, 'rollback-paused');
    assert.match(
      sim.status.update?.message ?? '',
      /^rollback paused due to failure or early termination of task /,
    );
  });

  test('continue, and a tolerated share of failures: it goes through', () => {
    for (const policy of [
      { onFailure: 'continue' },
      { onFailure: 'pause', maxFailureRatio: 0.25 },
    ] as const) {
      const sim = updating(policy);
      sim.behaves = (pod) =>
        versionOf(pod) === 'v2' && pod.meta.labels['kr.slot'] === '2'
          ? { lastsMs: 1000, code: 1 }
          : { health: 'healthy' };
      sim.pass(8);
      assert.equal(sim.status.update?.state, 'completed');
      assert.deepEqual(sim.status.update?.failed, ['2']);
    }
  });

  test('a failure after the monitoring time is a failure of the pod only', () => {
    const sim = updating({ delayMs: 4000, monitorMs: 2000 });
    sim.behaves = (pod) =>
      versionOf(pod) === 'v2' && pod.meta.labels['kr.slot'] === '1'
        ? { health: 'healthy', lastsMs: 3000, code: 1 }
        : { health: 'healthy' };
    sim.pass(30);
    assert.equal(sim.status.update?.state, 'completed');
    assert.deepEqual(sim.status.update?.failed, []);
  });

  test('a spec that changes in the middle: it starts over from where it is', () => {
    const sim = updating({ delayMs: 2000 });
    sim.pass(3);
    assert.deepEqual(versions(sim), ['1 v2', '2 v2', '3 v1', '4 v1']);
    change(sim, {}, 'v1');
    sim.pass(3);
    assert.deepEqual(versions(sim), ['1 v1', '2 v1', '3 v1', '4 v1']);
    assert.equal(sim.status.update?.state, 'completed');
    assert.deepEqual(
      sim.status.revisions.map(({ number }) => number),
      [2, 3],
    );
    const untouched = sim.live.filter(({ meta }) => meta.labels['kr.attempt'] === '1');
    assert.equal(untouched.length, 2);
  });

  test('scaling is no new revision, and forgets an update that is over', () => {
    const sim = updating({});
    sim.pass(4);
    assert.equal(sim.status.update?.state, 'completed');
    sim.change(replicas(5));
    sim.pass(1);
    assert.equal(sim.status.update, undefined);
    assert.equal(sim.status.revisions.length, 2);
    assert.equal(versions(sim).at(-1), '5 v2');
  });

  test('force replaces pods though nothing changed', () => {
    const sim = updating({});
    sim.pass(4);
    sim.change({ force: 1 });
    sim.pass(4);
    assert.ok(sim.live.every(({ meta }) => meta.labels['kr.attempt'] === '3'));
  });

  test('so many old revisions are kept', () => {
    const sim = updating({});
    for (const version of ['v3', 'v4', 'v5']) {
      change(sim, {}, version);
      sim.change({ revisionsKept: 2 });
      sim.pass(4);
    }
    assert.deepEqual(
      sim.status.revisions.map(({ number }) => number),
      [2, 3, 4],
    );
  });

  test('asked for by hand, a rollback says so', () => {
    const sim = updating({});
    sim.pass(4);
    const [first] = sim.status.revisions;
    if (first) sim.change({ ...first.spec, rollsBack: true });
    sim.settle();
    assert.equal(sim.status.update?.message, 'manually requested rollback');
    sim.pass(6);
    assert.equal(sim.status.update?.state, 'rollback-completed');
    assert.deepEqual(versions(sim), ['1 v1', '2 v1', '3 v1', '4 v1']);
  });

  test('it reaches pods that serve nobody first', () => {
    const sim = new WorkloadSim(sampleSpec(replicas(3)));
    sim.behaves = (pod) =>
      pod.meta.labels['kr.slot'] === '3' && versionOf(pod) === 'v1' ? { fails: true } : {};
    sim.settle();
    sim.log.length = 0;
    sim.change(sampleSpec({ ...replicas(3), update: { ...sampleSpec().update, delayMs: 60_000 } }, 'v2'));
    sim.settle();
    assert.deepEqual(sim.log, ['0s updating: update in progress', '0s create 3#2 v2']);
  });
});

test('a slot whose wanted pod is about to end is stale: a rollback is not over while the new one failed', () => {
  const member = (hash: string, state: Member['state'], attempt: number): Member =>
    ({ slot: '1', hash, state, attempt }) as Member;
  const failed = member('new', 'ended', 2);
  assert.equal(isStale(slotOf('1', [member('old', 'ready', 1), failed], 2), 'old'), false);
  assert.equal(isStale(slotOf('1', [member('old', 'stopping', 1), failed], 2), 'old'), true);
});
