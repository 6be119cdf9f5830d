import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '@kraud/base';
import { CrashPoint, type FakePrograms, HostWorld } from '@kraud/testkit';

const programs: FakePrograms = { sleep: ({ killed }) => killed };
const data = { tenant: 'default', name: 'data' };
const mount = { type: 'volume', volume: 'data', target: '/d', readOnly: false, copyUp: true } as const;
const container = { mounts: [{ ...mount, anonymous: false }] };

type Phased = { status: { phase: string; serial: number } } | undefined;
const running = (pod: Phased): boolean => pod?.status.phase === 'running';
const exited = (pod: Phased): boolean => pod?.status.phase === 'exited';
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function eventually<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    assert.ok(Date.now() < deadline, 'it never came');
    await turn();
  }
}

/** A host with these pods, which all mount one volume. */
async function worldOf(names: readonly string[]): Promise<HostWorld> {
  const world = new HostWorld({ programs });
  await world.boot();
  await world.volumes.create(data);
  for (const name of names) await world.create(name, ['sleep'], { container });
  return world;
}

const uid = (world: HostWorld, name: string): string => world.pod(name)?.meta.uid ?? '';
const machine = (world: HostWorld, name: string) => world.cradle.machine(uid(world, name));

async function up(world: HostWorld, ...names: string[]): Promise<void> {
  for (const name of names) {
    await world.start(name);
    await world.until(name, running);
  }
}

async function down(world: HostWorld, name: string): Promise<void> {
  await world.want(name, 'stopped');
  await world.until(name, exited);
}

/** Asked for a file of the volume, each of the pods is answered by this one. */
async function assertKeptBy(world: HostWorld, keeper: string, ...pods: string[]): Promise<void> {
  const answer = `${uid(world, keeper)} file`;
  for (const name of pods) {
    await eventually(async () => {
      const got = await machine(world, name).shares.ask('volumes/0', 'file');
      return got === answer || undefined;
    });
  }
}

test('the first keeps the volume, the others reach it through that one; when it stops another keeps it', async () => {
  await using world = await worldOf(['a', 'b', 'c']);
  await up(world, 'a', 'b', 'c');
  await assertKeptBy(world, 'a', 'a', 'b', 'c');
  assert.equal(machine(world, 'a').pod?.disks.at(-1)?.type, 'ext4');
  assert.deepEqual(machine(world, 'b').pod?.disks.at(-1), {
    device: 'd5',
    at: 'volumes/0',
    type: 'share',
    readOnly: false,
  });
  await down(world, 'a');
  await assertKeptBy(world, 'b', 'b', 'c');
  assert.deepEqual(machine(world, 'b').calls.slice(-3), ['taken 0', 'hold volumes/0', 'serve volumes/0']);
  await up(world, 'a');
  await assertKeptBy(world, 'b', 'a', 'c');
  await down(world, 'b');
  await down(world, 'c');
  await assertKeptBy(world, 'a', 'a');
  await down(world, 'a');
  await up(world, 'b');
  assert.equal(machine(world, 'b').pod?.disks.at(-1)?.type, 'ext4');
});

test('all start at once; a VMM that is killed hands its volumes over', async () => {
  await using world = await worldOf(['a', 'b', 'c']);
  const names = ['a', 'b', 'c'];
  await Promise.all(names.map((name) => world.start(name)));
  for (const name of names) await world.until(name, running);
  const keeper = world.volumes.holders(data).find(({ role }) => role === 'keeper')?.podId ?? '';
  world.cradle.crash(keeper);
  const left = names.filter((name) => uid(world, name) !== keeper);
  const next = await eventually(() => {
    const { podId } = world.volumes.holders(data).find(({ role }) => role === 'keeper') ?? {};
    return podId === keeper ? undefined : left.find((name) => uid(world, name) === podId);
  });
  await assertKeptBy(world, next, ...left);
});

test('a pod waits for a keeper that still starts, and takes its place when that start fails', async () => {
  await using world = await worldOf(['a', 'b']);
  const gate = Promise.withResolvers<void>();
  world.cradle.claimGate = gate.promise;
  world.cradle.claimFailure = new Error('no memory left');
  await world.start('a');
  await eventually(() => world.volumes.holders(data)[0]);
  world.cradle.claimGate = Promise.resolve();
  world.cradle.claimFailure = undefined;
  await world.start('b');
  await eventually(() => world.cradle.running.find((id) => id === uid(world, 'b')));
  await eventually(() => machine(world, 'b').pod);
  for (let n = 0; n < 20; n += 1) await turn();
  assert.equal(machine(world, 'b').containers.size, 0, 'nothing is set up on what is not there');
  world.cradle.claimFailure = new Error('no memory left');
  gate.resolve();
  await world.until('b', running);
  await assertKeptBy(world, 'b', 'b');
  assert.match(world.pod('a')?.status.message ?? '', /no memory/);
});

test('a start that waits for a volume can be given up', async () => {
  await using world = await worldOf(['a', 'b']);
  const { promise, resolve } = Promise.withResolvers<void>();
  world.cradle.claimGate = promise;
  await world.start('a');
  await eventually(() => world.volumes.holders(data)[0]);
  world.cradle.claimGate = Promise.resolve();
  await world.start('b');
  await eventually(() => world.cradle.running[0]);
  await world.want('b', 'stopped');
  await world.until('b', (pod) => pod?.status.serial === 1);
  assert.deepEqual(world.cradle.running, []);
  resolve();
  await world.until('a', running);
});

test('a link that breaks is made again', async () => {
  await using world = await worldOf(['a', 'b']);
  await up(world, 'a', 'b');
  for (const name of ['a', 'b', 'a']) {
    machine(world, name).shares.break();
    await assertKeptBy(world, 'a', 'b');
  }
});

test('who cannot mount the disk gives it back, and the next is asked; that nobody can is told', async () => {
  await using world = await worldOf(['a', 'b', 'c', 'd']);
  await up(world, 'a', 'b', 'c');
  machine(world, 'b').shares.holdFailure = new Error('bad magic');
  world.cradle.crash(uid(world, 'a'));
  await assertKeptBy(world, 'c', 'b', 'c');
  assert.ok(machine(world, 'b').calls.includes('elsewhere 0'));
  assert.deepEqual((await world.agent.facts()).warnings, []);
  await down(world, 'c');
  const told = await eventually(async () =>
    (await world.agent.facts()).warnings.find((words) => words.includes('volume data')),
  );
  assert.equal(told, "volume data can't be mounted, its users wait: bad magic");
  // Whoever comes is asked as well.
  await up(world, 'd');
  await assertKeptBy(world, 'd', 'b', 'd');
  assert.deepEqual((await world.agent.facts()).warnings, []);
});

test('the next daemon links pods again, and finds a keeper if theirs ended meanwhile', async () => {
  await using world = await worldOf(['a', 'b', 'c']);
  const point = new CrashPoint();
  await world.agent.stop({ keepVms: true });
  await world.boot(point);
  await up(world, 'a', 'b', 'c');
  point.crash();
  for (const name of ['a', 'b', 'c']) machine(world, name).shares.break();
  const again = new CrashPoint();
  await world.boot(again);
  await assertKeptBy(world, 'a', 'b', 'c');
  again.crash();
  world.cradle.crash(uid(world, 'a'));
  machine(world, 'b').shares.break();
  await world.boot();
  await world.until('a', exited);
  const kept = await eventually(() => world.volumes.holders(data).find(({ role }) => role === 'keeper'));
  const keeper = kept.podId === uid(world, 'b') ? 'b' : 'c';
  await assertKeptBy(world, keeper, 'b', 'c');
});

for (let seed = 1; seed <= 30; seed += 1) {
  test(`killed at a random point of starts, stops and crashes, a volume has one keeper in the end (seed ${seed})`, async () => {
    const random = new SeededRandom(seed);
    await using world = await worldOf(['a', 'b', 'c']);
    await world.agent.stop({ keepVms: true });
    const boot = async (): Promise<void> => {
      const point = new CrashPoint(40 + random.below(120));
      await world.boot(point);
      void point.crashed.then(async () => {
        for (let n = 0; n < 20; n += 1) await turn();
        if (!world.ended) await world.boot();
      });
    };
    await boot();
    const names = ['a', 'b', 'c'];
    await Promise.all(names.map((name) => world.start(name)));
    for (const name of names) await world.until(name, running);
    if (seed % 2 === 0) await down(world, 'a');
    else {
      world.cradle.crash(uid(world, 'a'));
      await world.until('a', exited);
    }
    const [{ podId } = { podId: '' }] = await eventually(() => {
      const keepers = world.volumes.holders(data).filter(({ role }) => role === 'keeper');
      return keepers.length === 1 ? keepers : undefined;
    });
    await assertKeptBy(world, podId === uid(world, 'b') ? 'b' : 'c', 'b', 'c');
    for (const name of ['b', 'c']) await down(world, name);
    await eventually(() => (world.volumes.holders(data).length === 0 ? true : undefined));
    assert.deepEqual(world.cradle.running, []);
  });
}
