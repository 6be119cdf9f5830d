import assert from 'node:assert/strict';
import { test } from 'node:test';
import { displace } from '../controllers/displace.ts';
import type { Pod } from '../model/index.ts';
import { host, on, pod } from '../scheduler/testing.ts';
import { why } from './why.ts';

const hosts = [host('h1'), host('h2', { spec: { cordoned: true } })];

function told(of: Pod, pods: Pod[] = []): string[] {
  const { state, sentences } = why(of, { hosts, pods: [of, ...pods], volumes: [] });
  return [state, ...sentences];
}

test('pending: which rules, how many hosts, and what would help', () => {
  assert.deepEqual(told(pod('big', 16)), [
    'pending',
    'none of 2 hosts can take it: 1 × cordoned, 1 × lacks memory',
    'what would help: let a host take pods again: `kra host uncordon HOST`',
    'what would help: stop something, add a host, or let it request less memory',
  ]);
  assert.deepEqual(told(pod('web', 4), [on('h1', 'job', 4, 'batch')]).slice(0, 2), [
    'pending',
    'waits for room on host h1: 1 pod is leaving it',
  ]);
});

test('refused: waiting would not help', () => {
  const zone = pod('web', 1, { constraints: [{ key: 'kr.zone', op: 'in', values: ['z9'] }] });
  const seen = { hosts: [host('h1')], pods: [zone], volumes: [] };
  assert.equal(why(zone, seen).state, 'refused');
  assert.deepEqual(why(zone, seen).hosts, [{ host: 'h1', why: 'not kr.zone=z9' }]);
});

test('running, slow, moved, displaced, failed', () => {
  const up = on('h1', 'web', 1, 'production');
  up.status.phase = 'running';
  assert.deepEqual(told(up), ['running', 'it is on h1, running']);
  up.status.ledger = [
    { phase: 'api', startMs: 0, endMs: 10 },
    { phase: 'slot', startMs: 10, endMs: 4010 },
    { phase: 'output', startMs: 4010, endMs: 99_000 },
  ];
  assert.deepEqual(told(up), [
    'slow',
    'its last start took 4.0 s, 4.0 s of it waiting for a VM; with no warm one ready, one is made (slot)',
    'it is on h1, running',
  ]);
  const sleepy = structuredClone(up);
  sleepy.spec.sleep = { afterMs: 300_000 };
  assert.equal(told(sleepy).at(-1), 'it falls asleep once it has been idle for 300 s');
  const asleep = structuredClone(up);
  asleep.status.asleep = { since: '2026-01-02T03:04:05.000Z', why: 'idle for 300 s' };
  const [sleeps, since, where = ''] = told(asleep);
  assert.deepEqual(
    [sleeps, since],
    ['asleep', 'it is asleep since 2026-01-02T03:04:05.000Z: idle for 300 s'],
  );
  assert.match(where, /^it is on h1, and wakes when/);
  const displaced = displace(structuredClone(up), 'host h1 is drained', 0);
  assert.ok(displaced);
  assert.deepEqual(told(displaced), [
    'moved',
    'it is leaving h1: host h1 is drained',
    'it has no restart policy, so it stays stopped until it is started again',
  ]);
  const moved = structuredClone(displaced);
  moved.spec.host = 'h2';
  moved.spec.run = { wanted: 'running', serial: 2, stoppedByUser: false };
  delete moved.status.ledger;
  assert.deepEqual(told(moved), [
    'moved',
    'it moved here from h1: host h1 is drained',
    'it is on h2, running',
  ]);
  const failed = on('h1', 'bad', 1, 'production');
  failed.status.phase = 'exited';
  failed.status.containers = [{ name: 'main', state: 'exited', exitCode: 137, oomKilled: true, error: '' }];
  assert.deepEqual(told(failed), ['failed', 'it ran out of memory', 'it is on h1']);
});

test('a pod that had to leave and is back says so, and not that it was slow', () => {
  const back = on('h1', 'web', 1, 'production');
  back.status.phase = 'running';
  const displaced = displace(structuredClone(back), 'host h1 is drained', 0);
  assert.ok(displaced);
  displaced.spec.run = { wanted: 'running', serial: 2, stoppedByUser: false };
  displaced.spec.host = 'h1';
  displaced.status.serial = 2;
  displaced.status.ledger = [{ phase: 'api', startMs: 0, endMs: 29_000 }];
  const [state, ...sentences] = told(displaced);
  assert.equal(state, 'moved');
  assert.equal(sentences[0], 'it had to leave h1, and is back: host h1 is drained');
});

test('a workload’s pod says whose place it took, and why', () => {
  const member = (
    attempt: number,
    hash: string,
    more: Partial<Pod['status']> = {},
    wanted = 'running',
  ): Pod => {
    const made = on(attempt === 1 ? 'h2' : 'h1', `web.1.${attempt}`, 1, 'production');
    Object.assign(made.meta.labels, {
      'kr.workload': 'w',
      'kr.slot': '1',
      'kr.attempt': String(attempt),
      'kr.revision-hash': hash,
    });
    made.spec.run.wanted = wanted as 'running';
    Object.assign(made.status, { phase: 'running', ...more });
    return made;
  };
  const ended = (exitCode: number, more: object = {}): Partial<Pod['status']> => ({
    phase: 'exited',
    containers: [
      ...[
        {
          name: 'main',
          state: 'exited' as const,
          exitCode,
          oomKilled: false,
          error: '',
          startedAt: 'x',
          ...more,
        },
      ],
    ],
  });
  const now = member(2, 'a');
  const drained = [host('h1'), host('h2', { spec: { drained: true, cordoned: true } })];
  const cases: [Pod, typeof hosts, string, string][] = [
    [member(1, 'a', ended(3)), hosts, 'running', 'which ended with exit code 3'],
    [member(1, 'a', ended(137, { oomKilled: true })), hosts, 'running', 'which ran out of memory'],
    [
      member(1, 'a', ended(0, { startedAt: undefined, error: 'no such program' })),
      hosts,
      'running',
      'which could not start: no such program',
    ],
    [member(1, 'b', ended(0), 'stopped'), hosts, 'running', 'which an update replaced'],
    [
      member(1, 'a', ended(143, { health: { status: 'unhealthy', failingStreak: 3, log: [] } }), 'stopped'),
      hosts,
      'running',
      'which was unhealthy',
    ],
    [member(1, 'a', ended(143), 'stopped'), drained, 'moved', 'which had to leave h2: it is drained'],
  ];
  for (const [before, there, state, words] of cases) {
    const answer = why(now, { hosts: there, pods: [before, now], volumes: [] });
    assert.deepEqual([answer.state, answer.sentences[0]], [state, `it took the place of web.1.1, ${words}`]);
  }
});
