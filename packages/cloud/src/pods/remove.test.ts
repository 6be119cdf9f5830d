import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '@kraud/macro';
import type { CloudParts } from '../parts.ts';
import { removePod } from './remove.ts';

const caller = { tenant: 'default', local: true };

function exited(restart: Pod['spec']['restart']['name']): Pod {
  const pod = {
    meta: { uid: 'a', name: 'box', tenant: 'default' },
    spec: {
      containers: [{ name: 'main', mounts: [] }],
      restart: { name: restart, retriesMax: 0 },
      autoRemove: false,
      run: { wanted: 'running', serial: 1, stoppedByUser: false },
    },
    status: {
      phase: 'exited',
      serial: 1,
      restartCount: 0,
      containers: [
        {
          name: 'main',
          exitCode: 0,
          startedAt: '2026-01-01T00:00:00.000000000Z',
          finishedAt: '2026-01-01T00:00:01.000000000Z',
        },
      ],
    },
  };
  return pod as unknown as Pod;
}

/** Deleting is only noted. */
function world(pod: Pod): { parts: CloudParts; deleted: string[] } {
  const deleted: string[] = [];
  const pods = {
    byUid: () => pod,
    delete: async (key: { name: string }) => void deleted.push(key.name),
    follow: async () => true,
  };
  return { parts: { pods } as unknown as CloudParts, deleted };
}

test('what its restart policy is about to bring back is removed by force only', async () => {
  const { parts, deleted } = world(exited('always'));
  await assert.rejects(removePod(parts, caller, 'a', { force: false, volumes: false }), {
    code: 'conflict',
    message: /"\/box": container is restarting/,
  });
  assert.deepEqual(deleted, []);
  await removePod(parts, caller, 'a', { force: true, volumes: false });
  assert.deepEqual(deleted, ['box']);
});

test('what has ended for good is removed', async () => {
  const { parts, deleted } = world(exited('on-failure'));
  await removePod(parts, caller, 'a', { force: false, volumes: false });
  assert.deepEqual(deleted, ['box']);
});

test('with its volumes: its own anonymous ones, and those that a removed pod left it', async () => {
  const pod = exited('no');
  const mount = (volume: string, anonymous: boolean) => ({
    type: 'volume',
    volume,
    anonymous,
    target: `/${volume}`,
  });
  Object.assign(pod.spec.containers[0] ?? {}, {
    mounts: [mount('own', true), mount('left', false), mount('lent', false), mount('named', false)],
  });
  const volume = (anonymous: boolean, owner: string) => ({
    meta: { annotations: {}, owner: { uid: owner } },
    spec: { anonymous },
  });
  const volumes: Record<string, ReturnType<typeof volume>> = {
    own: volume(true, 'a'),
    left: volume(true, 'gone'),
    lent: volume(true, 'other'),
    named: volume(false, 'gone'),
  };
  const marked: string[] = [];
  const { parts } = world(pod);
  Object.assign(parts, {
    pods: { ...parts.pods, byUid: (_: string, uid: string) => (uid === 'gone' ? undefined : pod) },
    volumes: {
      mutate: async ({ name }: { name: string }, change: (present: unknown) => unknown) => {
        if (change(volumes[name])) marked.push(name);
      },
      list: () => [],
    },
  });
  await removePod(parts, caller, 'a', { force: false, volumes: true });
  assert.deepEqual(marked, ['own', 'left']);
});
