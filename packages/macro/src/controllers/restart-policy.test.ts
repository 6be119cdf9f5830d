import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Pod, RestartPolicy } from '../model/index.ts';
import { mayBecome, podPhases } from '../model/phases.ts';
import { exitedPod, samplePod } from '../model/samples.ts';
import { applyRestart, restartStep, startsWithDaemon } from './restart-policy.ts';

const epochMs = Date.parse('2026-01-01T00:00:00.000Z');

/** Lives through runs of a pod as its host would, and tells what the policy does after each. */
function live(policy: RestartPolicy, runs: { code: number; lastsMs: number }[]): string[] {
  let nowMs = epochMs;
  let serial = 1;
  let pod: Pod = samplePod('p', { spec: { restart: policy } });
  pod.spec.run = { wanted: 'running', serial, stoppedByUser: false };
  const told: string[] = [];
  for (const { code, lastsMs } of runs) {
    const exit = {
      code,
      startedAt: new Date(nowMs).toISOString(),
      finishedAt: new Date(nowMs + lastsMs).toISOString(),
      serial,
    };
    nowMs += lastsMs;
    pod = { ...pod, status: { ...pod.status, ...exitedPod('p', exit).status, ...carried(pod) } };
    const ended = restartStep(pod);
    if (ended.step !== 'wait') {
      told.push(ended.step);
      break;
    }
    assert.equal(ended.dueAtMs, nowMs + ended.delayMs);
    told.push(`${ended.delayMs} ms, restart ${ended.count}`);
    pod = structuredClone(applyRestart(pod, ended) ?? pod);
    const due = restartStep(pod);
    assert.ok(due.step === 'start');
    nowMs = due.dueAtMs;
    pod = structuredClone(applyRestart(pod, due) ?? pod);
    serial = pod.spec.run.serial;
    assert.deepEqual(restartStep(pod), { step: 'none' }, 'a step applied twice');
  }
  return told;
}

function carried(pod: Pod) {
  const { restartCount, restart } = pod.status;
  return { restartCount, ...(restart ? { restart } : {}) };
}

const fails = { code: 1, lastsMs: 5 };

describe('restart policies', () => {
  test('no', () => assert.deepEqual(live({ name: 'no', retriesMax: 0 }, [fails]), ['none']));

  test('always: twice as long each time, up to a minute; a good run starts anew', () => {
    const runs = [...Array.from({ length: 12 }, () => fails), { code: 0, lastsMs: 10_000 }, fails];
    assert.deepEqual(live({ name: 'always', retriesMax: 0 }, runs), [
      '100 ms, restart 1',
      '200 ms, restart 2',
      '400 ms, restart 3',
      '800 ms, restart 4',
      '1600 ms, restart 5',
      '3200 ms, restart 6',
      '6400 ms, restart 7',
      '12800 ms, restart 8',
      '25600 ms, restart 9',
      '51200 ms, restart 10',
      '60000 ms, restart 11',
      '60000 ms, restart 12',
      '100 ms, restart 13',
      '200 ms, restart 14',
    ]);
  });

  test('on-failure: only failures, and only so often', () => {
    const policy = { name: 'on-failure', retriesMax: 2 } as const;
    assert.deepEqual(live(policy, [fails, fails, fails]), ['100 ms, restart 1', '200 ms, restart 2', 'none']);
    assert.deepEqual(live(policy, [{ code: 0, lastsMs: 5 }]), ['none']);
    assert.deepEqual(live({ ...policy, retriesMax: 0 }, [fails, { code: 0, lastsMs: 5 }]), [
      '100 ms, restart 1',
      'none',
    ]);
  });

  const exit = { code: 1, startedAt: '2026-01-01T00:00:00.000Z', finishedAt: '2026-01-01T00:00:01.000Z' };
  const always = { restart: { name: 'always', retriesMax: 0 } } as const;

  test('a stop by the user is honoured, before and during the wait', () => {
    const stopped = exitedPod('p', exit, {
      ...always,
      run: { wanted: 'stopped', serial: 1, stoppedByUser: true },
    });
    assert.deepEqual(restartStep(stopped), { step: 'none' });
    const killed = exitedPod('p', exit, {
      ...always,
      run: { wanted: 'running', serial: 1, stoppedByUser: true },
    });
    assert.deepEqual(restartStep(killed), { step: 'none' });

    const pod = exitedPod('p', exit, always);
    const waiting = applyRestart(pod, restartStep(pod));
    assert.ok(waiting);
    waiting.spec.run = { wanted: 'stopped', serial: 1, stoppedByUser: true };
    assert.deepEqual(restartStep(waiting), { step: 'settle' });
    const settled = applyRestart(waiting, { step: 'settle' });
    assert.equal(settled?.status.phase, 'exited');
    assert.deepEqual(restartStep(waiting), { step: 'none' });
  });

  test('stopped during the wait and started again by the user, the count begins anew', () => {
    const pod = exitedPod('p', exit, always);
    const waiting = applyRestart(pod, restartStep(pod));
    assert.ok(waiting);
    // The host may settle it first, and leaves the policy's memory alone.
    waiting.status.phase = 'exited';
    waiting.spec.run = { wanted: 'running', serial: 2, stoppedByUser: false };
    assert.deepEqual(restartStep(waiting), { step: 'forget' });
  });

  test('a policy taken away during the wait settles it', () => {
    const pod = exitedPod('p', exit, always);
    const waiting = applyRestart(pod, restartStep(pod));
    assert.ok(waiting);
    waiting.spec.restart = { name: 'no', retriesMax: 0 };
    assert.deepEqual(restartStep(waiting), { step: 'settle' });
  });

  test('a start by the user forgets the count', () => {
    const pod = exitedPod('p', { ...exit, serial: 4 }, always);
    pod.status.restartCount = 3;
    pod.status.restart = { serial: 4, delayMs: 800, dueAt: exit.finishedAt };
    pod.spec.run = { wanted: 'running', serial: 5, stoppedByUser: false };
    assert.deepEqual(restartStep(pod), { step: 'forget' });
    const forgot = applyRestart(pod, { step: 'forget' });
    assert.equal(forgot?.status.restartCount, 0);
    assert.deepEqual(restartStep(pod), { step: 'none' });
  });

  test('a pod that never ran, could not be started, or is being removed is left alone', () => {
    assert.deepEqual(restartStep(samplePod('p', { spec: always })), { step: 'none' });
    const failed = exitedPod('p', exit, always);
    for (const container of failed.status.containers) delete container.startedAt;
    assert.deepEqual(restartStep(failed), { step: 'none' });
    const removed = exitedPod('p', exit, always);
    removed.meta.deletedAt = exit.finishedAt;
    assert.deepEqual(restartStep(removed), { step: 'none' });
  });

  test('with the daemon: `always` although stopped, `unless-stopped` not', () => {
    const run = { wanted: 'stopped', serial: 1, stoppedByUser: true } as const;
    assert.equal(startsWithDaemon(exitedPod('p', exit, { ...always, run })), true);
    const unless = { restart: { name: 'unless-stopped', retriesMax: 0 } } as const;
    assert.equal(startsWithDaemon(exitedPod('p', exit, { ...unless, run })), false);
    assert.equal(startsWithDaemon(samplePod('p', { spec: { ...always, run } })), false);
  });

  test('any pod: steps come to an end, no serial is asked for twice, and a stop by the user is never undone', () => {
    const phases = fc.constantFrom(...podPhases);
    const serials = fc.record({ asked: fc.nat(4), done: fc.nat(4), memory: fc.option(fc.nat(5)) });
    const policy = fc.record({
      name: fc.constantFrom(
        'no' as const,
        'always' as const,
        'unless-stopped' as const,
        'on-failure' as const,
      ),
      retriesMax: fc.nat(2),
    });
    const wants = fc.record({
      wanted: fc.constantFrom('created' as const, 'running' as const, 'paused' as const, 'stopped' as const),
      stoppedByUser: fc.boolean(),
    });
    const property = fc.property(
      phases,
      serials,
      policy,
      wants,
      fc.nat(3),
      (phase, serial, restart, run, code) => {
        const pod = exitedPod('p', { ...exit, code, serial: serial.done });
        pod.status.phase = phase;
        pod.spec.restart = restart;
        pod.spec.run = { ...run, serial: Math.max(serial.asked, serial.done) };
        if (serial.memory !== null) {
          pod.status.restart = { serial: serial.memory, delayMs: 100, dueAt: exit.finishedAt };
        }
        const asked: number[] = [];
        let steps = 0;
        for (let step = restartStep(pod); step.step !== 'none'; step = restartStep(pod)) {
          steps += 1;
          assert.ok(steps <= 4, 'it never settles');
          const from = pod.status.phase;
          if (step.step === 'start') asked.push(step.serial);
          const after = applyRestart(pod, step);
          assert.ok(after && mayBecome(from, after.status.phase));
        }
        assert.ok(asked.length <= 1);
        if (run.stoppedByUser || run.wanted !== 'running') assert.deepEqual(asked, []);
      },
    );
    fc.assert(property, { numRuns: 2000 });
  });
});
