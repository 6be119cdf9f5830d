import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodDraft } from '@kraud/cloud';
import { buildPod, createdAt } from '../testing/builders.ts';
import { buildHost } from '../testing/fake-swarm.ts';
import { desiredStateOf, stateOf } from './state.ts';

type Container = Pod['status']['containers'][number];

const host = buildHost('alpha', '1a'.repeat(32));
const health = {
  test: ['CMD', 'true'],
  intervalMs: 1,
  timeoutMs: 1,
  startPeriodMs: 0,
  startIntervalMs: 1,
  retries: 1,
};
const ran = (exitCode: number, more: Partial<Container> = {}): Container => ({
  name: 'main',
  state: 'exited',
  startedAt: createdAt,
  finishedAt: createdAt,
  exitCode,
  oomKilled: false,
  error: '',
  ...more,
});
const { finishedAt: _, ...up } = ran(0, { state: 'running' });

interface Case {
  phase: Pod['status']['phase'];
  wanted?: 'running' | 'stopped';
  serial?: number;
  bound?: boolean;
  gone?: boolean;
  byUser?: boolean;
  checked?: boolean;
  container?: Container;
  message?: string;
}

function podOf({
  serial = 0,
  phase,
  wanted = 'running',
  bound = true,
  checked,
  byUser = false,
  container,
  message = '',
}: Case): Pod {
  const draft = {
    name: 'x',
    container: { image: 'app' },
    labels: {},
    networks: [],
    ports: [],
    restart: { name: 'no', retriesMax: 0 },
  } as unknown as PodDraft;
  const pod = buildPod(draft, 'a'.repeat(64));
  const [main] = pod.spec.containers;
  return {
    ...pod,
    spec: {
      ...pod.spec,
      containers: main ? [{ ...main, ...(checked ? { health } : {}) }] : [],
      run: { ...pod.spec.run, wanted, stoppedByUser: byUser },
      ...(bound ? { host: 'alpha' } : {}),
    },
    status: { ...pod.status, serial, phase, message, containers: container ? [container] : [] },
  };
}

const cases: [string, Case, string, string, string][] = [
  ['waits for a host', { phase: 'created', bound: false }, 'pending', 'running', ''],
  [
    'finds no host',
    { phase: 'created', bound: false, message: 'full' },
    'pending',
    'running',
    'no suitable node (full)',
  ],
  ['has a host', { phase: 'created' }, 'assigned', 'running', ''],
  [
    'could not be started',
    { phase: 'created', serial: 1, message: 'no disk' },
    'rejected',
    'shutdown',
    'no disk',
  ],
  [
    'has a program that is not there',
    { phase: 'created', serial: 1, message: 'failed to create task for container: no such file' },
    'failed',
    'shutdown',
    'starting container failed: failed to create task for container: no such file',
  ],
  ['starts', { phase: 'starting' }, 'starting', 'running', ''],
  ['runs', { phase: 'running', container: up }, 'running', 'running', ''],
  ['runs, health unknown', { phase: 'running', container: up, checked: true }, 'starting', 'running', ''],
  [
    'runs and is healthy',
    {
      phase: 'running',
      checked: true,
      container: { ...up, health: { status: 'healthy', failingStreak: 0, log: [] } },
    },
    'running',
    'running',
    '',
  ],
  ['is to stop', { phase: 'stopping', wanted: 'stopped', container: up }, 'running', 'shutdown', ''],
  ['was stopped', { phase: 'exited', wanted: 'stopped', container: ran(137) }, 'shutdown', 'shutdown', ''],
  [
    'was stopped by a user',
    { phase: 'exited', wanted: 'stopped', byUser: true, container: ran(137) },
    'failed',
    'shutdown',
    'task: non-zero exit (137)',
  ],
  [
    'was unhealthy',
    {
      phase: 'exited',
      wanted: 'stopped',
      checked: true,
      container: { ...ran(143), health: { status: 'unhealthy', failingStreak: 1, log: [] } },
    },
    'failed',
    'shutdown',
    'task: non-zero exit (143): dockerexec: unhealthy container',
  ],
  [
    'was stopped before it ran',
    { phase: 'created', wanted: 'stopped', bound: false },
    'shutdown',
    'shutdown',
    '',
  ],
  ['ended well', { phase: 'exited', container: ran(0) }, 'complete', 'shutdown', ''],
  ['failed', { phase: 'exited', container: ran(3) }, 'failed', 'shutdown', 'task: non-zero exit (3)'],
  [
    'could not run',
    { phase: 'exited', message: 'no such program' },
    'rejected',
    'shutdown',
    'no such program',
  ],
  ['is on a host that is gone', { phase: 'running', container: up, gone: true }, 'orphaned', 'shutdown', ''],
];

for (const [what, given, state, desired, error] of cases) {
  test(`a pod that ${what}: ${state}, ${desired}`, () => {
    const pod = podOf(given);
    const status = stateOf(pod, given.gone ? undefined : host);
    assert.deepEqual([status.state, status.error], [state, error]);
    assert.equal(desiredStateOf(pod, status.state, false), desired);
  });
}

test('a job’s tasks are wanted to complete', () => {
  const running = podOf({ phase: 'running', container: up });
  const done = podOf({ phase: 'exited', container: ran(0) });
  assert.equal(desiredStateOf(running, 'running', true), 'complete');
  assert.equal(desiredStateOf(done, 'complete', true), 'complete');
});
