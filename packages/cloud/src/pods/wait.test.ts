import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '@kraud/macro';
import type { CloudParts } from '../parts.ts';
import { waitPod } from './wait.ts';

const caller = { tenant: 'default', local: true };

function pod(
  phase: Pod['status']['phase'],
  serial: number,
  end: { second: number; exitCode: number } | undefined,
): Pod {
  const finished = end && {
    exitCode: end.exitCode,
    finishedAt: `2026-01-01T00:00:0${end.second}.000000000Z`,
  };
  return {
    meta: { uid: 'a', name: 'box', tenant: 'default' },
    spec: { containers: [{ name: 'main', mounts: [] }], autoRemove: false },
    status: { phase, serial, restartCount: 0, containers: [{ name: 'main', ...finished }] },
  } as unknown as Pod;
}

/** Waits while the pod goes through these versions; `undefined` if it would wait on. */
async function waited(
  condition: 'not-running' | 'next-exit',
  versions: readonly Pod[],
): Promise<number | undefined> {
  const pods = {
    byUid: () => versions[0],
    follow: async (_tenant: string, _uid: string, until: (version: Pod) => unknown) => {
      for (const version of versions) {
        const found = until(version);
        if (found !== undefined) return found;
      }
      return { exitCode: undefined };
    },
  };
  const parts = { pods } as unknown as CloudParts;
  return (await waitPod(parts, caller, 'a', condition, { signal: new AbortController().signal })).exitCode;
}

test('a wait ends with the run, though a restart policy begins another', async () => {
  const runs = [pod('running', 1, undefined), pod('restarting', 1, { second: 2, exitCode: 3 })];
  assert.equal(await waited('not-running', runs), 3);
  assert.equal(await waited('next-exit', runs), 3);
});

test('a wait that begins between two runs waits for the end of the next', async () => {
  const between = pod('restarting', 1, { second: 2, exitCode: 3 });
  const next = [between, pod('starting', 2, { second: 2, exitCode: 3 }), pod('running', 2, undefined)];
  assert.equal(await waited('not-running', next), undefined);
  const ended = [...next, pod('restarting', 2, { second: 5, exitCode: 4 })];
  assert.equal(await waited('not-running', ended), 4);
});

test('what has ended for good is waited for no longer, except for a next run', async () => {
  const done = [pod('exited', 1, { second: 2, exitCode: 5 })];
  assert.equal(await waited('not-running', done), 5);
  assert.equal(await waited('next-exit', done), undefined);
  assert.equal(await waited('not-running', [pod('created', 0, undefined)]), 0);
});
