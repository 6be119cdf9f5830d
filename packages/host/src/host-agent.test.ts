import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { type FakePrograms, HostWorld } from '@kraud/testkit';
import { readRecord } from './pods/run-record.ts';

const programs: FakePrograms = {
  echo: ({ args, write }) => {
    write(`${args.slice(1).join(' ')}\n`);
    return 0;
  },
  fail: () => 3,
  sleep: ({ killed }) => killed,
  stubborn: ({ onSignal, killed }) => {
    onSignal(15, () => {});
    return killed;
  },
  polite: ({ onSignal, write }) =>
    new Promise((resolve) => {
      write('ready\n');
      onSignal(15, () => {
        write('bye\n');
        resolve(0);
      });
    }),
  cat: async ({ stdin, write }) => {
    for await (const chunk of stdin) write(chunk.toString());
    return 0;
  },
};

const exited = (pod: { status: { phase: string } } | undefined): boolean => pod?.status.phase === 'exited';
const running = (pod: { status: { phase: string } } | undefined): boolean => pod?.status.phase === 'running';
const podsLeft = (world: HostWorld): string[] => readdirSync(join(world.dataDir, 'pods'));

test('a pod runs, its output is kept, its exit is told, and nothing of it runs any more', async () => {
  await using world = new HostWorld({ programs });
  await world.boot();
  await world.create('a', ['echo', 'hi']);
  await world.start('a');
  const pod = await world.until('a', exited);
  const [status] = pod?.status.containers ?? [];
  assert.equal(status?.exitCode, 0);
  assert.match(status?.finishedAt ?? '', /^\d{4}-.*\.\d{9}Z$/);
  assert.match(status?.startedAt ?? '', /^\d{4}-.*\.\d{9}Z$/);
  assert.equal(await world.output('a'), 'hi\n');
  await world.remove('a');
  await world.until('a', (gone) => gone === undefined);
  assert.deepEqual(world.cradle.running, []);
  assert.equal(world.network.held.size, 0);
  assert.deepEqual(podsLeft(world), []);
});

test('a running pod that gets another name is known by that one on its networks', async () => {
  await using world = new HostWorld({ programs });
  await world.boot();
  await world.create('old', ['sleep']);
  await world.start('old');
  const pod = await world.until('old', running);
  const uid = pod?.meta.uid ?? '';
  const record = join(world.dataDir, 'pods', uid, 'run.json');
  await world.tables.pods.rename({ tenant: 'default', namespace: 'default', name: 'old' }, 'new');
  while (readRecord(record)?.attachment?.podName !== 'new') await setTimeout(5);
  const names = world.network.held.get(uid)?.places[0]?.names ?? [];
  // The world gives a pod its first name as hostname, and that one stays.
  assert.deepEqual([names[0], names.at(-1)], ['new', 'old']);
});

test('a running pod shows its address, its VM and a ledger', async () => {
  await using world = new HostWorld({ programs });
  await world.boot();
  await world.create('a', ['sleep']);
  await world.start('a');
  const pod = await world.until('a', running);
  assert.equal(pod?.status.network?.ipv4, '172.17.0.2');
  assert.equal(pod?.status.vm?.accelerator, 'tcg');
  assert.deepEqual(
    pod?.status.ledger?.map(({ phase }) => phase),
    ['api', 'place', 'slot', 'network', 'disks', 'guest', 'exec'],
  );
  for (const { startMs, endMs } of pod?.status.ledger ?? []) assert.ok(endMs >= startMs);
});

test('the guest is told all at once: pod, container, logs and start', async () => {
  await using world = new HostWorld({ programs });
  await world.boot();
  await world.create('a', ['sleep']);
  await world.start('a');
  const pod = await world.until('a', running);
  const { calls } = world.cradle.machine(pod?.meta.uid ?? '');
  assert.deepEqual(calls, ['setPod', 'put main', 'logs main 0', 'start main']);
});

test('a program that is not there leaves the pod created, with 127 and the words that the CLI looks for', async () => {
  await using world = new HostWorld({ programs });
  await world.boot();
  await world.create('a', ['nope']);
  const serial = await world.start('a');
  const pod = await world.until('a', (now) => now?.status.serial === serial);
  assert.equal(pod?.status.phase, 'created');
  assert.equal(pod?.status.containers[0]?.exitCode, 127);
  assert.match(pod?.status.containers[0]?.error ?? '', /exec: "nope": executable file not found in \$PATH/);
  assert.deepEqual(world.cradle.running, []);
  assert.equal(world.network.held.size, 0);
});

test('a start that fails outside the guest leaves nothing behind, and can be tried again', async () => {
  await using world = new HostWorld({ programs });
  await world.boot();
  world.cradle.claimFailure = new Error('no memory');
  await world.create('a', ['sleep']);
  const serial = await world.start('a');
  const pod = await world.until('a', (now) => now?.status.serial === serial);
  assert.equal(pod?.status.containers[0]?.exitCode, 128);
  assert.match(pod?.status.containers[0]?.error ?? '', /no memory/);
  assert.equal(world.network.held.size, 0);
  world.cradle.claimFailure = undefined;
  await world.start('a');
  await world.until('a', running);
});

test('a taken port is a failed start', async () => {
  await using world = new HostWorld({ programs });
  await world.boot();
  const ports = [{ protocol: 'tcp' as const, podPort: 80, hostIp: '', hostPort: 8080 }];
  await world.create('a', ['sleep'], { spec: { ports } });
  await world.create('b', ['sleep'], { spec: { ports } });
  await world.start('a');
  await world.until('a', running);
  const serial = await world.start('b');
  const pod = await world.until('b', (now) => now?.status.serial === serial);
  assert.match(pod?.status.containers[0]?.error ?? '', /8080/);
  assert.equal(world.cradle.running.length, 1);
});

test('stop lets the program end itself', async () => {
  await using world = new HostWorld({ programs });
  await world.boot();
  await world.create('a', ['polite']);
  await world.start('a');
  await world.until('a', running);
  await world.want('a', 'stopped');
  const pod = await world.until('a', exited);
  assert.equal(pod?.status.containers[0]?.exitCode, 0);
  assert.equal(await world.output('a'), 'ready\nbye\n');
});

test('a program that ignores the signal is killed when its time is over', async () => {
  await using world = new HostWorld({ programs });
  await world.boot();
  await world.create('a', ['stubborn']);
  await world.start('a');
  const { meta } = (await world.until('a', running)) ?? {};
  const machine = world.cradle.machine(meta?.uid ?? '');
  await world.want('a', 'stopped', 0, { timeoutMs: 1 });
  const pod = await world.until('a', exited);
  assert.equal(pod?.status.containers[0]?.exitCode, 137);
  assert.deepEqual(machine.containers.get('main')?.signals, [15, 9]);
});

test('a guest that does not answer the kill loses its VM', async () => {
  await using world = new HostWorld({ programs, limits: { killGraceMs: 10 } });
  await world.boot();
  await world.create('a', ['stubborn']);
  await world.start('a');
  const { meta } = (await world.until('a', running)) ?? {};
  const uid = meta?.uid ?? '';
  world.cradle.machine(uid).containers.get('main')?.signal(19);
  await world.until('a', exited);
});

test('pause and resume', async () => {
  await using world = new HostWorld({ programs });
  await world.boot();
  await world.create('a', ['sleep']);
  await world.start('a');
  await world.until('a', running);
  await world.want('a', 'paused');
  await world.until('a', (pod) => pod?.status.phase === 'paused');
  await world.want('a', 'running');
  await world.until('a', running);
  await world.want('a', 'paused');
  await world.until('a', (pod) => pod?.status.phase === 'paused');
  await world.want('a', 'stopped');
  const pod = await world.until('a', exited);
  assert.equal(pod?.status.containers[0]?.exitCode, 143);
});

test('a VMM that is killed is an exit with a reason', async () => {
  await using world = new HostWorld({ programs });
  await world.boot();
  const { meta } = await world.create('a', ['sleep']);
  await world.start('a');
  await world.until('a', running);
  world.cradle.crash(meta.uid);
  const pod = await world.until('a', exited);
  assert.equal(pod?.status.containers[0]?.exitCode, 137);
  assert.match(pod?.status.message ?? '', /the VMM was killed/);
  await world.start('a');
  await world.until('a', running);
});

test('removal of what runs ends it and leaves nothing', async () => {
  await using world = new HostWorld({ programs });
  await world.boot();
  await world.create('a', ['sleep']);
  await world.start('a');
  await world.until('a', running);
  await world.remove('a');
  await world.until('a', (pod) => pod === undefined);
  assert.deepEqual(world.cradle.running, []);
  assert.deepEqual(podsLeft(world), []);
});

test('a stop during a start, a removal during a start, and two starts at once', async () => {
  await using world = new HostWorld({ programs });
  await world.boot();
  const gate = Promise.withResolvers<void>();
  world.cradle.claimGate = gate.promise;
  for (const name of ['stop', 'remove', 'twice']) {
    await world.create(name, ['sleep']);
    await world.start(name);
  }
  await world.want('stop', 'stopped');
  await world.remove('remove');
  await world.start('twice');
  gate.resolve();
  const stopped = await world.until('stop', exited);
  assert.equal(stopped?.status.serial, 1);
  await world.until('remove', (pod) => pod === undefined);
  const twice = await world.until('twice', (pod) => pod?.status.serial === 2);
  assert.equal(twice?.status.phase, 'running');
  assert.equal(world.cradle.machines.filter(({ id }) => id === twice?.meta.uid).length, 1);
  assert.deepEqual(world.cradle.running, [twice?.meta.uid]);
});

test('a start during a stop runs it again afterwards', async () => {
  await using world = new HostWorld({ programs });
  await world.boot();
  const { meta } = await world.create('a', ['polite']);
  await world.start('a');
  await world.until('a', running);
  const container = world.cradle.machine(meta.uid).container('main');
  await world.want('a', 'stopped');
  await world.start('a');
  await world.until('a', (pod) => running(pod) && pod?.status.serial === 2);
  assert.ok(container.signals.length <= 1);
});

test('attach before the start sees everything, and stdin written before it arrives', async () => {
  await using world = new HostWorld({ programs });
  const agent = await world.boot();
  const { meta } = await world.create('a', ['cat'], { container: { stdin: true } });
  const query = { stdout: true, stderr: true, from: 'end', follow: 'run', chunks: true } as const;
  const entries = await agent.output(meta.uid, 'main', query, new AbortController().signal);
  const stdin = await agent.stdin(meta.uid, 'main');
  stdin.end('hello');
  await world.start('a');
  let text = '';
  for await (const { data } of entries) text += data.toString();
  assert.equal(text, 'hello');
  await world.until('a', exited);
});

test('a pod is started again though its image is gone', async () => {
  await using world = new HostWorld({ programs });
  await world.boot();
  await world.create('a', ['echo', 'one']);
  await world.start('a');
  await world.until('a', exited);
  world.images.rootfsFailure = new Error('no such image');
  await world.start('a');
  await world.until('a', (pod) => exited(pod) && pod?.status.serial === 2);
  assert.equal(await world.output('a'), 'one\none\n');
});

test('SIGTERM leaves what runs, and the next daemon takes it up', async () => {
  await using world = new HostWorld({ programs });
  const agent = await world.boot();
  const { meta } = await world.create('a', ['polite']);
  await world.start('a');
  await world.until('a', running);
  await agent.stop({ keepVms: true });
  assert.deepEqual(world.cradle.running, [meta.uid]);
  await world.boot();
  await world.want('a', 'stopped');
  const pod = await world.until('a', exited);
  assert.equal(pod?.status.containers[0]?.exitCode, 0);
  assert.equal(await world.output('a'), 'ready\nbye\n');
  assert.equal(world.cradle.machines.length, 1);
});

test('a full stop ends what runs and tells its exit', async () => {
  await using world = new HostWorld({ programs });
  const agent = await world.boot();
  await world.create('a', ['polite']);
  await world.start('a');
  await world.until('a', running);
  await agent.stop({ keepVms: false });
  assert.equal(world.pod('a')?.status.phase, 'exited');
  assert.deepEqual(world.cradle.running, []);
});

test('what ended while no daemon was there is told with its own time and code', async () => {
  await using world = new HostWorld({ programs });
  const agent = await world.boot();
  const { meta } = await world.create('a', ['polite']);
  await world.start('a');
  await world.until('a', running);
  await agent.stop({ keepVms: true });
  const container = world.cradle.machine(meta.uid).container('main');
  container.signal(9);
  await container.next(1000);
  await world.boot();
  const pod = await world.until('a', exited);
  assert.equal(pod?.status.containers[0]?.exitCode, 137);
  assert.equal(await world.output('a'), 'ready\n');
});

test('after a restart of the host, what ran is told to be lost; VMs and folders without a pod go', async () => {
  await using world = new HostWorld({ programs });
  const agent = await world.boot();
  const { meta } = await world.create('a', ['sleep']);
  await world.create('b', ['sleep']);
  for (const name of ['a', 'b']) {
    await world.start(name);
    await world.until(name, running);
  }
  await agent.stop({ keepVms: true });
  world.cradle.crash(meta.uid);
  await world.tables.pods.mutate({ tenant: 'default', namespace: 'default', name: 'b' }, (pod) => ({
    ...pod,
    meta: { ...pod.meta, finalizers: [], deletedAt: new Date().toISOString() },
  }));
  await world.boot();
  const pod = await world.until('a', exited);
  assert.equal(pod?.status.containers[0]?.exitCode, 255);
  assert.deepEqual(world.cradle.running, []);
  assert.deepEqual(podsLeft(world), [meta.uid]);
  assert.equal(existsSync(join(world.dataDir, 'pods', meta.uid)), true);
});

test('a guest that hangs is given up at adoption', async () => {
  await using world = new HostWorld({ programs, limits: { adoptTimeoutMs: 20 } });
  const agent = await world.boot();
  const { meta } = await world.create('a', ['sleep']);
  await world.start('a');
  await world.until('a', running);
  await agent.stop({ keepVms: true });
  world.cradle.machine(meta.uid).hung = true;
  await world.boot();
  const pod = await world.until('a', exited);
  assert.equal(pod?.status.containers[0]?.exitCode, 255);
});

test('a VM that is silent at adoption keeps only its own pod waiting, and what it holds is nobody else’s', async () => {
  await using world = new HostWorld({ programs, limits: { adoptPromptMs: 20 } });
  const first = await world.boot();
  const ports = [{ protocol: 'tcp' as const, podPort: 80, hostIp: '', hostPort: 8080 }];
  const pods = new Map<string, string>();
  for (const name of ['prompt', 'late', 'dead']) {
    const { meta } = await world.create(name, ['sleep'], name === 'late' ? { spec: { ports } } : {});
    pods.set(name, meta.uid);
    await world.start(name);
    await world.until(name, running);
  }
  const uid = (name: string): string => pods.get(name) ?? '';
  await first.stop({ keepVms: true });
  const [late, dead] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  world.cradle.adoptGates.set(uid('late'), late.promise).set(uid('dead'), dead.promise);
  const agent = await world.boot();
  assert.deepEqual(await agent.top(uid('prompt'), 'main'), []);
  await assert.rejects(agent.top(uid('late'), 'main'), { code: 'unavailable' });
  await world.create('other', ['sleep'], { spec: { ports } });
  await world.start('other');
  await world.until('other', (pod) => /8080/.test(pod?.status.containers[0]?.error ?? ''));
  await world.want('late', 'stopped');
  assert.equal(world.pod('late')?.status.phase, 'running');
  late.resolve();
  await world.until('late', exited);
  world.cradle.machine(uid('dead')).hung = true;
  dead.resolve();
  const pod = await world.until('dead', exited);
  assert.equal(pod?.status.containers[0]?.exitCode, 255);
  assert.equal(world.pod('prompt')?.status.phase, 'running');
});

test('an agent that is stopped leaves silent VMs to the next one', async () => {
  await using world = new HostWorld({ programs, limits: { adoptPromptMs: 20 } });
  const first = await world.boot();
  const { meta } = await world.create('a', ['sleep']);
  await world.start('a');
  await world.until('a', running);
  await first.stop({ keepVms: true });
  const gate = Promise.withResolvers<void>();
  world.cradle.adoptGates.set(meta.uid, gate.promise);
  const second = await world.boot();
  await second.stop({ keepVms: true });
  gate.resolve();
  world.cradle.adoptGates.clear();
  const third = await world.boot();
  assert.deepEqual(await third.top(meta.uid, 'main'), []);
  assert.equal(world.pod('a')?.status.phase, 'running');
});

test('health is asked for, and told', async () => {
  await using world = new HostWorld({ programs });
  await world.boot();
  const times = { intervalMs: 2, timeoutMs: 1000, startPeriodMs: 0, startIntervalMs: 1, retries: 2 };
  const health = (code: number) => ({ test: ['CMD', 'probe', `${code}`], ...times });
  await world.create('good', ['sleep'], { container: { health: health(0) } });
  await world.create('bad', ['sleep'], { container: { health: health(1) } });
  const statusOf = (name: string) => world.pod(name)?.status.containers[0]?.health?.status;
  await world.start('good');
  await world.start('bad');
  await world.until('good', () => statusOf('good') === 'healthy');
  await world.until('bad', () => statusOf('bad') === 'unhealthy');
});

test('a removal that fails again and again is told as dead, and goes through once it can', async () => {
  await using world = new HostWorld({ programs });
  await world.boot();
  await world.create('a', ['echo', 'hi']);
  await world.start('a');
  await world.until('a', exited);
  const { detachAll } = world.volumes;
  world.volumes.detachAll = () => Promise.reject(new Error('the disk is stuck'));
  await world.remove('a');
  const dead = await world.until('a', (pod) => pod?.status.phase === 'dead');
  assert.match(dead?.status.message ?? '', /could not be removed: the disk is stuck/);
  world.volumes.detachAll = detachAll;
  await world.until('a', (gone) => gone === undefined);
  assert.deepEqual(podsLeft(world), []);
});

test('on a disk that is nearly full nothing is started', async () => {
  await using world = new HostWorld({ programs, limits: { diskFreeBytesMin: 2 ** 60 } });
  await world.boot();
  await world.create('a', ['echo', 'hi']);
  await world.start('a');
  const pod = await world.until('a', (now) => now?.status.message !== '');
  assert.match(pod?.status.message ?? '', /no space left on device/);
  assert.deepEqual(world.cradle.running, []);
});

const secretMount = {
  type: 'file',
  source: 'Secret',
  name: 'key',
  target: '/run/secrets/key',
  uid: 1,
  gid: 2,
  mode: 0o400,
} as const;

test('a secret is given before the start, at every start', async () => {
  await using world = new HostWorld({ programs });
  world.fileSources.set('Secret key', Buffer.from('hush'));
  await world.boot();
  await world.create('a', ['echo', 'hi'], { container: { mounts: [secretMount] } });
  for (let run = 0; run < 2; run += 1) {
    const serial = await world.start('a');
    await world.until('a', (pod) => exited(pod) && pod?.status.serial === serial);
  }
  const calls = world.cradle.machines
    .flatMap(({ calls }) => calls)
    .filter((call) => /^(put-file|start) /.test(call));
  assert.deepEqual(calls, [
    'put-file main /run/secrets/key hush',
    'start main',
    'put-file main /run/secrets/key hush',
    'start main',
  ]);
});

test('without a secret that it reads a pod does not start', async () => {
  await using world = new HostWorld({ programs });
  await world.boot();
  await world.create('a', ['echo', 'hi'], { container: { mounts: [secretMount] } });
  await world.start('a');
  const pod = await world.until('a', (now) => now?.status.serial === 1);
  assert.equal(pod?.status.containers[0]?.error, 'secret key not found');
  assert.deepEqual(world.cradle.running, []);
});
