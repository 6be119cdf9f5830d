import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { KraudError, SeededRandom } from '@kraud/base';
import type { Pod } from '@kraud/macro';
import { CrashPoint, type FakePrograms, HostWorld } from '@kraud/testkit';
import { PodFiles } from '../pods/pod-files.ts';
import { readRecord, writeRecord } from '../pods/run-record.ts';
import type { SleeperRecord } from './sleeper.ts';

/** Says that it began, counts the signals that it gets, and ends by SIGTERM. */
const programs: FakePrograms = {
  app: ({ write, onSignal }) =>
    new Promise((resolve) => {
      write('begin\n');
      onSignal(10, () => write('signal\n'));
      onSignal(15, () => {
        write('end\n');
        resolve(5);
      });
    }),
};
const [usr1, sigterm] = [10, 15];

const mount = {
  type: 'volume',
  volume: 'v',
  target: '/v',
  readOnly: false,
  copyUp: false,
  anonymous: false,
} as const;

const isAsleep = (pod: Pod | undefined): boolean => pod?.status.asleep !== undefined;
const isAwake = (pod: Pod | undefined): boolean => pod?.status.phase === 'running' && !isAsleep(pod);

async function begun(world: HostWorld, more: Parameters<HostWorld['create']>[2] = {}): Promise<string> {
  await world.boot();
  await world.volumes.create({ tenant: 'default', name: 'v' });
  const network = { name: 'bridge', aliases: [] };
  const { meta } = await world.create('a', ['app'], { ...more, spec: { networks: [network], ...more.spec } });
  await world.start('a');
  await world.until('a', isAwake);
  return meta.uid;
}

/** What was being done is done. */
const settled = async (): Promise<void> => {
  for (let n = 0; n < 20; n += 1) await new Promise((resolve) => setImmediate(resolve));
};

test('a pod that sleeps has no VM, counts as running, and keeps its place and its memory', async () => {
  await using world = new HostWorld({ programs });
  const uid = await begun(world);
  const before = world.pod('a');
  await world.agent.sleep(uid, 'main');
  const asleep = await world.until('a', isAsleep);
  assert.deepEqual(world.cradle.running, []);
  assert.equal(asleep?.status.phase, 'running');
  assert.equal(asleep?.status.vm, undefined);
  assert.equal(asleep?.status.asleep?.why, 'somebody asked for it');
  assert.deepEqual(asleep?.status.network, before?.status.network);
  await settled();
  assert.ok(world.network.parked.has(uid));
  await world.agent.sleep(uid, 'main');

  await world.agent.wake(uid, 'main');
  const awake = await world.until('a', isAwake);
  assert.equal(world.network.parked.size, 0);
  assert.deepEqual(awake?.status.containers, before?.status.containers);
  assert.equal(awake?.status.ledger?.[0]?.phase, 'knock');
  assert.equal(world.cradle.machine(uid).container('main').starts, 1);
  assert.ok(world.cradle.machine(uid).calls.includes('clock'));
  await world.agent.wake(uid, 'main');
  assert.equal(await world.output('a'), 'begin\n');
});

const waking: Record<string, (world: HostWorld, uid: string) => unknown> = {
  'something that is sent to it': ({ network }, uid) => network.knock(uid),
  'a signal': ({ agent }, uid) => agent.kill(uid, 'main', usr1),
  'an exec': async ({ agent }, uid) => {
    const spec = {
      args: ['x', '0'],
      env: [],
      cwd: '',
      user: '',
      tty: false,
      stdin: false,
      privileged: false,
    };
    assert.deepEqual(await (await agent.exec(uid, 'main', spec)).exit, { code: 0 });
  },
  top: ({ agent }, uid) => agent.top(uid, 'main'),
  'a file call': ({ agent }, uid) => agent.archiveStat(uid, 'main', '/etc/passwd'),
  'who follows its output': ({ agent }, uid) => {
    const query = { stdout: true, stderr: true, from: 'start', follow: 'run' } as const;
    return agent.output(uid, 'main', query, AbortSignal.timeout(1000));
  },
};

for (const [what, act] of Object.entries(waking)) {
  test(`it is woken by ${what}`, async () => {
    await using world = new HostWorld({ programs });
    const uid = await begun(world);
    await world.agent.sleep(uid, 'main');
    await world.until('a', isAsleep);
    await settled();
    await act(world, uid);
    await world.until('a', isAwake);
    assert.equal(world.cradle.machine(uid).container('main').starts, 1);
  });
}

test('who looks at its figures does not wake it', async () => {
  await using world = new HostWorld({ programs });
  const uid = await begun(world);
  await world.agent.sleep(uid, 'main');
  await world.until('a', isAsleep);
  await assert.rejects(world.agent.stats(uid, 'main'), { code: 'conflict' });
  assert.ok(isAsleep(world.pod('a')));
});

test('a stop wakes it, so that its program ends as it would have', async () => {
  await using world = new HostWorld({ programs });
  const uid = await begun(world);
  await world.agent.sleep(uid, 'main');
  await world.until('a', isAsleep);
  await world.want('a', 'stopped');
  const over = await world.until('a', (pod) => pod?.status.phase === 'exited');
  assert.equal(over?.status.containers[0]?.exitCode, 5);
  assert.equal(over?.status.asleep, undefined);
  assert.equal(await world.output('a'), 'begin\nend\n');
});

test('a removal wakes it only for the sake of its volumes', async () => {
  for (const volume of [false, true]) {
    await using world = new HostWorld({ programs });
    const uid = await begun(world, volume ? { container: { mounts: [mount] } } : {});
    await world.agent.sleep(uid, 'main');
    await world.until('a', isAsleep);
    const machine = world.cradle.machines.at(-1);
    await world.remove('a');
    await world.until('a', (pod) => pod === undefined);
    await settled();
    assert.equal(machine?.calls.includes('clock'), volume);
    assert.deepEqual(world.cradle.running, []);
    assert.equal(world.network.held.size, 0);
    assert.equal(existsSync(join(world.dataDir, 'pods', uid)), false);
  }
});

test('what is in use, paused or stopped does not sleep, and says why', async () => {
  await using world = new HostWorld({ programs });
  const uid = await begun(world, { container: { stdin: true } });
  const stdin = await world.agent.stdin(uid, 'main');
  await assert.rejects(world.agent.sleep(uid, 'main'), {
    code: 'conflict',
    message: /somebody uses it: 1 open/,
  });
  stdin.destroy();
  await world.want('a', 'paused');
  await world.until('a', (pod) => pod?.status.phase === 'paused');
  await assert.rejects(world.agent.sleep(uid, 'main'), {
    code: 'conflict',
    message: /can't sleep: it is paused/,
  });
  await world.want('a', 'stopped');
  await world.until('a', (pod) => pod?.status.phase === 'exited');
  await assert.rejects(world.agent.sleep(uid, 'main'), { code: 'conflict', message: /is not running/ });
});

test('one that fails to fall asleep goes on, its output whole', async () => {
  await using world = new HostWorld({ programs });
  const uid = await begun(world);
  world.cradle.sleepFailure = new KraudError('exhausted', 'no space left');
  await assert.rejects(world.agent.sleep(uid, 'main'), { code: 'exhausted' });
  assert.ok(isAwake(world.pod('a')));
  await world.agent.kill(uid, 'main', usr1);
  await world.agent.kill(uid, 'main', sigterm);
  await world.until('a', (pod) => pod?.status.phase === 'exited');
  assert.equal(await world.output('a'), 'begin\nsignal\nend\n');
});

test('a wake that fails is told to who waits, and tried again when it is needed again', async () => {
  await using world = new HostWorld({ programs });
  const uid = await begun(world);
  await world.agent.sleep(uid, 'main');
  await world.until('a', isAsleep);
  world.cradle.wakeFailure = new KraudError('exhausted', 'no memory');
  await assert.rejects(world.agent.kill(uid, 'main', usr1), { code: 'exhausted', message: 'no memory' });
  assert.ok(isAsleep(world.pod('a')));
  world.cradle.wakeFailure = undefined;
  await world.agent.kill(uid, 'main', usr1);
  await world.until('a', isAwake);
});

test('one that can never be woken has ended, with the reason', async () => {
  await using world = new HostWorld({ programs });
  const uid = await begun(world);
  await world.agent.sleep(uid, 'main');
  await world.until('a', isAsleep);
  world.cradle.wakeFailure = new KraudError('corrupt', 'of another QEMU');
  await assert.rejects(world.agent.wake(uid, 'main'), { message: /could not be woken: of another QEMU/ });
  const over = await world.until('a', (pod) => pod?.status.phase === 'exited');
  assert.equal(over?.status.containers[0]?.exitCode, 255);
  assert.match(over?.status.message ?? '', /could not be woken: of another QEMU/);
  assert.equal(world.network.held.size, 0);
});

test('one that was being woken when the power failed has ended: its memory no longer goes with its disks', async () => {
  await using world = new HostWorld({ programs });
  const uid = await begun(world);
  await world.agent.sleep(uid, 'main');
  await world.until('a', isAsleep);
  await world.agent.stop({ keepVms: true });
  const { dir, record } = new PodFiles(world.dataDir, uid);
  const note = readRecord(record) as SleeperRecord;
  writeRecord(record, { ...note, asleep: { ...note.asleep, waking: 'an earlier boot' } });
  await world.boot();
  const over = await world.until('a', (pod) => pod?.status.phase === 'exited');
  assert.equal(over?.status.containers[0]?.exitCode, 255);
  assert.equal(existsSync(join(dir, 'asleep')), false);
  await world.start('a');
  await world.until('a', isAwake);
});

test('a volume whose keeper sleeps wakes it', async () => {
  await using world = new HostWorld({ programs });
  const uid = await begun(world, { container: { mounts: [mount] } });
  await world.agent.sleep(uid, 'main');
  await world.until('a', isAsleep);
  await world.create('b', ['app'], { container: { mounts: [mount] } });
  await world.start('b');
  await world.until('b', isAwake);
  await world.until('a', isAwake);
  await assert.rejects(world.agent.sleep(uid, 'main'), {
    message: /it shares volume v with a pod that is awake/,
  });
});

test('a pod that asks for it falls asleep once it is idle, and not while it gets packets', async () => {
  await using world = new HostWorld({ programs, limits: { idleCheckMs: 5, idleCpuMax: 100 } });
  world.cradle.pid = process.pid;
  const uid = await begun(world, { spec: { sleep: { afterMs: 60 } } });
  const asleep = await world.until('a', isAsleep);
  assert.equal(asleep?.status.asleep?.why, 'idle for 0.06 s');
  world.network.knock(uid);
  await world.until('a', isAwake);
  await world.until('a', isAsleep);
});

for (let seed = 1; seed <= 60; seed += 1) {
  test(`killed at a random point of sleeps and wakes: nothing is lost or doubled (seed ${seed})`, async () => {
    const random = new SeededRandom(seed);
    await using world = new HostWorld({ programs, seed });
    const uid = await begun(world);
    const crashes = async (work: () => Promise<unknown>): Promise<void> => {
      await world.agent.stop({ keepVms: true });
      const point = new CrashPoint(1 + random.below(60));
      const agent = await world.boot(point);
      await Promise.race([work().catch(() => {}), point.crashed]);
      if (!point.isCrashed) await Promise.race([agent.stop({ keepVms: true }), point.crashed]);
      await settled();
    };
    for (let round = 0; round < 3; round += 1) {
      await crashes(() => world.agent.sleep(uid, 'main'));
      await world.boot();
      await world.agent.sleep(uid, 'main');
      await world.until('a', isAsleep);
      assert.deepEqual(world.cradle.running, []);
      await crashes(() => world.agent.kill(uid, 'main', usr1));
      await world.boot();
      await world.agent.wake(uid, 'main');
      await world.until('a', isAwake);
      assert.deepEqual(world.cradle.running, [uid]);
    }
    assert.equal(world.cradle.machine(uid).container('main').starts, 1);
    await world.remove('a');
    await world.until('a', (pod) => pod === undefined);
    await settled();
    assert.deepEqual([world.cradle.running, world.network.held.size], [[], 0]);
    assert.deepEqual(readdirSync(join(world.dataDir, 'pods')), []);
  });
}
