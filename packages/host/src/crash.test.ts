import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SeededRandom } from '@kraud/base';
import { CrashPoint, type FakePrograms, HostWorld } from '@kraud/testkit';

/** Each run says once that it began and once that it ended. */
const programs: FakePrograms = {
  job: ({ write, onSignal }) =>
    new Promise((resolve) => {
      write('begin\n');
      onSignal(15, () => {
        write('end\n');
        resolve(5);
      });
    }),
};

const pointsMax = 60;

/** A turn or two for whatever was under way when the daemon was killed. */
const settle = async (): Promise<void> => {
  for (let n = 0; n < 20; n += 1) await new Promise((resolve) => setImmediate(resolve));
};

for (let seed = 1; seed <= 60; seed += 1) {
  test(`killed at a random point of start, stop, start and rm: nothing is lost or doubled (seed ${seed})`, async () => {
    const random = new SeededRandom(seed);
    await using world = new HostWorld({ programs, seed });
    const { meta } = await world.create('a', ['job']);
    const boot = async (): Promise<void> => {
      const point = new CrashPoint(1 + random.below(pointsMax));
      await world.boot(point);
      void point.crashed.then(async () => {
        await settle();
        await world.boot();
      });
    };
    await boot();
    for (const serial of [1, 2]) {
      await world.start('a');
      await world.until('a', (pod) => pod?.status.serial === serial && pod.status.phase === 'running');
      await world.want('a', 'stopped');
      const pod = await world.until('a', (now) => now?.status.phase === 'exited');
      assert.equal(pod?.status.containers[0]?.exitCode, 5);
      assert.equal(pod?.status.serial, serial);
    }
    const begun = world.cradle.machines.filter(({ containers }) => (containers.get('main')?.starts ?? 0) > 0);
    assert.equal(begun.length, 2, 'each run was begun once');
    assert.equal(await world.output('a'), 'begin\nend\nbegin\nend\n');
    await world.remove('a');
    await world.until('a', (pod) => pod === undefined);
    await settle();
    assert.deepEqual(world.cradle.running, []);
    assert.equal(world.network.held.size, 0);
    assert.deepEqual(
      readdirSync(join(world.dataDir, 'pods')).filter((uid) => uid === meta.uid),
      [],
    );
  });
}

test('a VM that was going down when the daemon was killed tells no second end of its run', async () => {
  await using world = new HostWorld({ programs: { fail: () => 3 } });
  const point = new CrashPoint();
  await world.boot(point);
  const { meta } = await world.create('a', ['fail']);
  world.cradle.stopGate = new Promise(() => {});
  await world.start('a');
  const told = await world.until('a', (pod) => pod?.status.phase === 'exited');
  point.crash();
  await settle();
  await world.boot();
  await settle();
  assert.deepEqual(world.pod('a')?.status, told?.status, 'it does not run again');
  world.cradle.crash(meta.uid, 'guest');
  await settle();
  assert.deepEqual(world.pod('a')?.status, told?.status);
  await world.remove('a');
  await world.until('a', (pod) => pod === undefined);
  assert.equal(world.network.held.size, 0);
});
