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

test('a start waits for a VM of file calls that has its volume; file calls go on beside a run that has it', async () => {
  await using world = new HostWorld({ programs });
  const agent = await world.boot();
  await world.volumes.create({ tenant: 'default', name: 'data' });
  const rest = { volume: 'data', target: '/data', readOnly: false, copyUp: true, anonymous: false };
  const container = { mounts: [{ type: 'volume' as const, ...rest }] };
  const { meta } = await world.create('a', ['sleep'], { container });
  await world.create('b', ['sleep'], { container });
  const put = () =>
    agent.archivePut(meta.uid, 'main', '/', Readable.from([]), {
      noOverwriteDirNonDir: false,
      copyUidGid: false,
    });
  await put();
  assert.equal((await world.volumes.inspect({ tenant: 'default', name: 'data' })).holders.length, 1);
  await world.start('b');
  await world.until('b', (pod) => running(pod) || exited(pod));
  assert.ok(running(world.pod('b')), world.pod('b')?.status.message);
  await put();
  const mounts = world.cradle.machine(meta.uid).container('main').config.mounts;
  assert.deepEqual(
    mounts?.map(({ type, target }) => [type, target]),
    [['tmpfs', '/data']],
  );
});
