import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '@kraud/macro';
import { HostWorld } from '@kraud/testkit';
import { afterExit } from './status.ts';

await using world = new HostWorld();
await world.tables.ready();
const sample = await world.create('sample', ['app']);

const up = (autoRemove: boolean, wantedSerial = 1): Pod => ({
  ...sample,
  spec: { ...sample.spec, autoRemove, run: { ...sample.spec.run, wanted: 'running', serial: wantedSerial } },
  status: { ...sample.status, phase: 'running', serial: 1 },
});
const end = { exitCode: 7, oomKilled: false, finishedAtNs: 2_000_000_000n, reason: '' };
const main = sample.spec.containers[0]?.name ?? '';
const endings = {
  serial: 1,
  ends: new Map([[main, end]]),
  startedAtNs: new Map(),
};

test('a pod that removes itself is told over and marked for deletion at once', () => {
  const { status, meta } = afterExit(up(true), endings, true, 3000);
  assert.equal(status.phase, 'exited');
  assert.equal(status.containers[0]?.exitCode, 7);
  assert.equal(meta.deletedAt, '1970-01-01T00:00:03.000Z');
});

test('it stays while its files are to be looked after, while it is to run again, or if it never asked', () => {
  for (const pod of [afterExit(up(true), endings, false, 0), afterExit(up(true, 2), endings, true, 0)]) {
    assert.equal(pod.meta.deletedAt, undefined);
    assert.equal(pod.status.phase, 'exited');
  }
  assert.equal(afterExit(up(false), endings, true, 0).meta.deletedAt, undefined);
});

test('one that is stopped to start again stays, and one that its policy restarts is never seen exited', () => {
  const stopped = up(true);
  stopped.spec.run.stop = { again: true };
  assert.equal(afterExit(stopped, endings, true, 0).meta.deletedAt, undefined);
  const restarted = up(false);
  restarted.spec.restart = { name: 'always', retriesMax: 0 };
  const { status } = afterExit(
    restarted,
    { ...endings, startedAtNs: new Map([[main, 1_000_000_000n]]) },
    false,
    0,
  );
  assert.deepEqual([status.phase, status.restartCount], ['restarting', 1]);
  restarted.spec.run.stoppedByUser = true;
  assert.equal(afterExit(restarted, endings, false, 0).status.phase, 'exited');
});
