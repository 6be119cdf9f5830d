import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '@kraud/macro';
import type { CloudParts } from '../parts.ts';
import { killPod } from './kill.ts';

const caller = { tenant: 'default', local: true };

function pod(phase: Pod['status']['phase'], restart: Pod['spec']['restart']['name']): Pod {
  const times = { startedAt: '2026-01-01T00:00:00.000000000Z', finishedAt: '2026-01-01T00:00:01.000000000Z' };
  return {
    meta: { uid: 'a', name: 'box', tenant: 'default' },
    spec: {
      containers: [{ name: 'main', stopSignal: 15 }],
      restart: { name: restart, retriesMax: 0 },
      run: { wanted: 'running', serial: 1, stoppedByUser: false },
    },
    status: { phase, serial: 1, restartCount: 0, containers: [{ name: 'main', exitCode: 1, ...times }] },
  } as unknown as Pod;
}

/** Whether the user is said to have stopped it; nothing in it may be signalled. */
async function killed(present: Pod, signal: string): Promise<boolean> {
  let stopped = false;
  const pods = {
    byUid: () => present,
    mutate: async (_key: unknown, change: (pod: Pod) => Pod) => {
      stopped = change(present).spec.run.stoppedByUser;
    },
  };
  const never = (): never => assert.fail('there is no process to signal');
  await killPod({ pods, hostOf: never } as unknown as CloudParts, caller, 'a', signal, never);
  return stopped;
}

test('what waits for its next run is stopped by what would end it', async () => {
  assert.equal(await killed(pod('restarting', 'always'), ''), true);
  assert.equal(await killed(pod('restarting', 'always'), 'TERM'), true);
  assert.equal(await killed(pod('restarting', 'always'), 'USR1'), false);
  // Its restart policy hasn't looked at its end yet.
  assert.equal(await killed(pod('exited', 'always'), ''), true);
});

test('what has ended for good is not running', async () => {
  await assert.rejects(killed(pod('exited', 'no'), ''), { code: 'conflict', message: /is not running$/ });
});
