import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Pod, WorkloadMode, WorkloadSpec } from '../model/index.ts';
import { isOver } from './member.ts';
import { nameOf, sampleSpec, WorkloadSim } from './sim.ts';

/** `KRAUD_RUNS=1000` for a long search. */
const numRuns = Number(process.env.KRAUD_RUNS ?? 20);
const hostNames = ['alpha', 'beta', 'gamma'];

type Step =
  | { readonly do: 'pass'; readonly seconds: number }
  | { readonly do: 'plan'; readonly writes: number }
  | { readonly do: 'hosts' }
  | { readonly do: 'scale'; readonly replicas: number }
  | { readonly do: 'version'; readonly version: number }
  | { readonly do: 'end'; readonly which: number; readonly code: number }
  | { readonly do: 'stop' | 'remove' | 'heal' | 'sicken'; readonly which: number }
  | { readonly do: 'lose' | 'regain' | 'drain' | 'undrain'; readonly host: string };

const which = fc.nat(7);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('pass' as const), seconds: fc.integer({ min: 1, max: 8 }) }),
  { weight: 3, arbitrary: fc.record({ do: fc.constant('plan' as const), writes: fc.nat(4) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('hosts' as const) }) },
  fc.record({ do: fc.constant('scale' as const), replicas: fc.nat(5) }),
  fc.record({ do: fc.constant('version' as const), version: fc.nat(3) }),
  fc.record({ do: fc.constant('end' as const), which, code: fc.constantFrom(0, 1) }),
  fc.record({
    do: fc.constantFrom('stop' as const, 'remove' as const, 'heal' as const, 'sicken' as const),
    which,
  }),
  fc.record({
    do: fc.constantFrom('lose' as const, 'regain' as const, 'drain' as const, 'undrain' as const),
    host: fc.constantFrom(...hostNames),
  }),
);

const policy = fc.record({
  parallelism: fc.nat(3),
  delayMs: fc.constantFrom(0, 2000),
  order: fc.constantFrom('stop-first' as const, 'start-first' as const),
  onFailure: fc.constantFrom('pause' as const, 'continue' as const, 'rollback' as const),
  monitorMs: fc.constantFrom(0, 3000),
  maxFailureRatio: fc.constantFrom(0, 0.5),
});

const types = ['replicated', 'global', 'ordered', 'job', 'global-job'] as const;

function modeOf(type: (typeof types)[number], replicas: number): WorkloadMode {
  switch (type) {
    case 'replicated':
      return { type, replicas };
    case 'ordered':
      return { type, replicas, parallel: false };
    case 'job':
      return { type, completions: replicas, parallelism: 2 };
    default:
      return { type };
  }
}

function change(sim: WorkloadSim, spec: Partial<WorkloadSpec>, version: number): void {
  const { template } = sampleSpec({}, `v${version}`);
  for (const container of template.spec.containers) {
    container.health = {
      test: ['CMD'],
      intervalMs: 1,
      timeoutMs: 1,
      startPeriodMs: 0,
      startIntervalMs: 1,
      retries: 1,
    };
  }
  sim.change({ template, ...spec });
}

function editStatus(sim: WorkloadSim, pod: Pod, status: Partial<Pod['status']>): void {
  sim.edit(pod, (copy) => Object.assign(copy.status, status));
}

function play(sim: WorkloadSim, one: Step, type: (typeof types)[number]): void {
  const up = [...sim.pods.values()].filter((pod) => pod.status.phase === 'running');
  const pod = 'which' in one ? up[one.which % Math.max(1, up.length)] : undefined;
  switch (one.do) {
    case 'pass':
      sim.pass(one.seconds);
      return;
    case 'plan': {
      const made = sim.plan();
      if (made) sim.apply(made.plan, one.writes);
      return;
    }
    case 'hosts':
      sim.runHosts();
      return;
    case 'scale':
      sim.change({ mode: modeOf(type, one.replicas) });
      return;
    case 'version':
      change(sim, {}, one.version);
      return;
    case 'lose':
      sim.lose(one.host);
      return;
    case 'regain':
      sim.regain(one.host);
      return;
    case 'drain':
    case 'undrain':
      sim.host(one.host, (host) => {
        host.spec.drained = one.do === 'drain';
      });
      return;
  }
  const [main] = pod?.status.containers ?? [];
  if (!pod || !main) return;
  if (one.do === 'heal' || one.do === 'sicken') {
    const health = {
      status: one.do === 'heal' ? 'healthy' : 'unhealthy',
      failingStreak: 0,
      log: [],
    } as const;
    editStatus(sim, pod, { containers: [{ ...main, health: { ...health, log: [] } }] });
  } else if (one.do === 'end') {
    const finishedAt = new Date(sim.nowMs).toISOString();
    const ended = { ...main, state: 'exited' as const, exitCode: one.code, finishedAt };
    editStatus(sim, pod, { phase: 'exited', containers: [ended] });
  } else {
    sim.edit(pod, ({ meta, spec }) => {
      if (one.do === 'remove') meta.deletedAt = finishedNow(sim);
      else spec.run = { ...spec.run, wanted: 'stopped', stoppedByUser: true };
    });
  }
}

function finishedNow(sim: WorkloadSim): string {
  return new Date(sim.nowMs).toISOString();
}

/** What must hold at any moment, whatever came before. */
function check(sim: WorkloadSim, pairs: boolean): void {
  const bySlot = Map.groupBy(sim.live, (pod) => pod.meta.labels['kr.slot'] ?? '');
  for (const [slot, pods] of bySlot) {
    assert.ok(pods.length <= (pairs ? 2 : 1), `slot ${slot} has ${pods.map(nameOf).join(', ')}`);
  }
}

/** Runs out of events, all hosts well and all pods healthy, it comes to what is wanted. */
function comeToRest(sim: WorkloadSim, type: (typeof types)[number]): void {
  for (const name of hostNames) {
    sim.regain(name);
    sim.host(name, (host) => {
      host.spec.drained = false;
    });
  }
  sim.behaves = () => ({ health: 'healthy', ...(type.endsWith('job') ? { lastsMs: 1000, code: 0 } : {}) });
  // A pause ends with the next change, and so does what it held up.
  change(sim, {}, 9);
  sim.pass(60);
  const { status } = sim;
  if (type.endsWith('job')) {
    assert.equal(status.succeeded, status.desired);
    assert.equal(sim.live.length, 0);
    return;
  }
  assert.deepEqual(
    [status.ready, status.updated, sim.live.length],
    [status.desired, status.desired, status.desired],
    sim.shown.join('\n'),
  );
  const slots = new Set(sim.live.map((pod) => pod.meta.labels['kr.slot']));
  assert.equal(slots.size, status.desired);
  assert.ok(sim.live.every((pod) => pod.spec.containers[0]?.args[1] === 'v9'));
  assert.notEqual(status.update?.state, 'updating');
  const ended = [...sim.pods.values()].filter(isOver).length;
  assert.ok(ended <= (status.desired + hostNames.length) * 4, `${ended} ended pods are kept`);
}

for (const type of types) {
  test(`${type}: whatever happens, no slot has too many pods, and in the end all is as wanted`, () => {
    const property = fc.property(
      policy,
      policy,
      fc.array(step, { maxLength: 25 }),
      (update, rollback, steps) => {
        const restart = { condition: 'on-failure', delayMs: 1000, attemptsMax: 0, windowMs: 0 } as const;
        const spec = {
          mode: modeOf(type, 3),
          update,
          rollback,
          restart: type.endsWith('job') ? restart : sampleSpec().restart,
        };
        const sim = new WorkloadSim(sampleSpec(spec));
        sim.behaves = () => ({ health: 'healthy' });
        sim.settle();
        sim.behaves = () => ({});
        const pairs =
          type !== 'ordered' &&
          !type.endsWith('job') &&
          (update.order === 'start-first' || rollback.order === 'start-first');
        for (const one of steps) {
          play(sim, one, type);
          check(sim, pairs);
        }
        comeToRest(sim, type);
        sim.delete();
        sim.pass(1);
        assert.deepEqual([sim.workload, sim.pods.size], [undefined, 0]);
      },
    );
    fc.assert(property, { numRuns });
  });
}
