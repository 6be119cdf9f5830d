import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { type FakePrograms, HostWorld } from '@kraud/testkit';

const programs: FakePrograms = { sleep: ({ killed }) => killed };

const exited = (pod: { status: { phase: string } } | undefined): boolean => pod?.status.phase === 'exited';
const running = (pod: { status: { phase: string } } | undefined): boolean => pod?.status.phase === 'running';

test('file calls on a pod that does not run get a VM for their time', async () => {
  await using world = new HostWorld({ programs });
  const agent = await world.boot();
  const { meta } = await world.create('a', ['sleep']);
  const [changes, { tar }] = await Promise.all([
    agent.changes(meta.uid, 'main'),
    agent.archiveGet(meta.uid, 'main', '/x', new AbortController().signal),
  ]);
  assert.deepEqual(changes, [{ path: '/made', kind: 'added' }]);
  assert.equal(world.cradle.machines.length, 1);
  for await (const _ of tar);
  await world.start('a');
  await world.until('a', running);
  assert.equal(world.cradle.machines.length, 2);
  assert.deepEqual(await agent.changes(meta.uid, 'main'), changes);
  assert.equal(world.cradle.machines.length, 2);
  await agent.commit(meta.uid, 'main', { pause: true, author: '', message: '', changes: [] });
  assert.deepEqual(world.images.committed, ['upper']);
  assert.equal(world.cradle.machine(meta.uid).container('main').state, 'running');
});

const data = { tenant: 'default', name: 'data' };
const mount = { type: 'volume', volume: 'data', target: '/data', readOnly: false, copyUp: true } as const;
const container = { mounts: [{ ...mount, anonymous: false }] };
const put = { noOverwriteDirNonDir: false, copyUidGid: false };

test('a start waits for a VM of file calls that keeps its volume; file calls on another pod share what a run keeps', async () => {
  await using world = new HostWorld({ programs });
  const agent = await world.boot();
  await world.volumes.create(data);
  const { meta } = await world.create('a', ['sleep'], { container });
  const b = await world.create('b', ['sleep'], { container });
  await agent.archivePut(meta.uid, 'main', '/', Readable.from([]), put);
  assert.deepEqual(world.volumes.holders(data), [{ podId: meta.uid, role: 'keeper' }]);
  await world.start('b');
  await world.until('b', (pod) => running(pod) || exited(pod));
  assert.ok(running(world.pod('b')), world.pod('b')?.status.message);
  assert.deepEqual(world.volumes.holders(data), [{ podId: b.meta.uid, role: 'keeper' }]);
  await agent.archivePut(meta.uid, 'main', '/', Readable.from([]), put);
  const { shares } = world.cradle.machine(meta.uid);
  assert.equal(await shares.ask('volumes/0', 'ls'), `${b.meta.uid} ls`);
});

test('what was copied into a volume is written to it, also when the pod is removed at once', async () => {
  await using world = new HostWorld({ programs, limits: { toolboxIdleMs: 60_000 } });
  const agent = await world.boot();
  await world.volumes.create(data);
  const { meta } = await world.create('a', ['sleep'], { container });
  await agent.archivePut(meta.uid, 'main', '/', Readable.from([]), put);
  const machine = world.cradle.machine(meta.uid);
  await world.remove('a');
  await world.until('a', (pod) => pod === undefined);
  assert.equal(machine.calls.at(-1), 'stop');
});
