import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Cradle } from './contract.ts';
import { assertJailed } from './testing/jailed.ts';
import { runScript, smallSize, startContainer, until, World, warmCount } from './testing/world.ts';

let world: World;
let cradle: Cradle;
before(async () => {
  world = new World();
  cradle = world.cradle();
  assert.deepEqual(await cradle.start(), []);
});
after(async () => {
  await cradle.close({ keepRunning: false });
  assert.deepEqual(world.leftovers(), []);
  world.remove();
});

test('a claim without a warm slot gives a clone that runs a container, and nothing is left after it', async () => {
  const vm = await cradle.claim(world.spec());
  assert.equal(vm.warm, false);
  assert.match(await runScript(vm, 'echo hello; exec cat /proc/sys/kernel/osrelease'), /^hello\n.*kraud\n$/);
  const usage = await vm.usage();
  assert.ok(usage.pssBytes > 0 && usage.rssBytes >= usage.pssBytes);
  await vm.stop();
  assert.deepEqual(await vm.exited, { reason: 'stopped', detail: 'stopped' });
  await vm.stop();
  await assert.rejects(vm.suspend(), { code: 'conflict' });
  assert.deepEqual(world.leftovers(), []);
  assert.equal(statSync(vm.spec.writable.path).uid, 0);
});

test("a VM that is expected is the next claim's, and ends if none comes", async () => {
  cradle.expect(smallSize);
  cradle.expect(smallSize);
  const vm = await cradle.claim(world.spec());
  assert.match(await runScript(vm, 'echo hello'), /^hello\n$/);
  assert.equal(readdirSync(join(world.dir, 'cradle/vms')).length, 1);
  await vm.stop();
  cradle.expect(smallSize);
  await until('one is begun', () => world.leftovers().length > 0);
  await until('it is gone', () => world.leftovers().length === 0);
});

test('the writable disk survives its VM', async () => {
  const spec = world.spec();
  const first = await cradle.claim(spec);
  await runScript(first, 'echo kept > /note');
  await first.stop();
  const second = await cradle.claim(spec);
  assert.equal(await runScript(second, 'cat /note'), 'kept\n');
  await second.kill();
});

test('volumes are told apart, and one VM at a time has a disk', async () => {
  const paths = ['a', 'b'].map((name) => join(world.dir, `volume-${name}`));
  for (const path of paths) await cradle.createDisk(path, 64 * 1024 * 1024);
  const volumes = paths.map((path) => ({ path }));
  const disks = paths.map((_, index) => ({
    device: `d${index + 5}`,
    at: `volumes/${index}`,
    type: 'ext4' as const,
  }));
  const mounts = paths.map((_, index) => ({
    type: 'volume' as const,
    source: `volumes/${index}`,
    target: `/v${index}`,
  }));
  const vm = await cradle.claim(world.spec({ volumes }));
  await runScript(vm, 'echo 0 > /v0/n; echo 1 > /v1/n', { pod: { disks }, container: { mounts } });
  await assert.rejects(cradle.claim(world.spec({ volumes })), { code: 'conflict' });
  await vm.stop();
  const swapped = await cradle.claim(world.spec({ volumes: volumes.toReversed() }));
  assert.equal(
    await runScript(swapped, 'cat /v0/n /v1/n', { pod: { disks }, container: { mounts } }),
    '1\n0\n',
  );
  await swapped.stop();
});

test('a disk that another VM had is put into one that runs, and out again, also by a later daemon', async () => {
  const path = join(world.dir, 'volume-c');
  await cradle.createDisk(path, 64 * 1024 * 1024);
  const given = {
    pod: { disks: [{ device: 'd5', at: 'volumes/0', type: 'ext4' as const }] },
    container: { mounts: [{ type: 'volume' as const, source: 'volumes/0', target: '/v' }] },
  };
  const first = await cradle.claim(world.spec({ volumes: [{ path }] }));
  await runScript(first, 'echo kept > /v/n', given);
  const second = await cradle.claim(world.spec({ volumes: [{ path, share: 'elsewhere' }] }));
  await assert.rejects(second.takeVolume(0), { code: 'conflict' });
  assert.deepEqual(second.spec.volumes, [{ path, share: 'elsewhere' }]);
  await assert.rejects(first.takeVolume(0), { code: 'invalid' });
  await first.stop();
  await second.takeVolume(0);
  await second.takeVolume(0);
  await cradle.close({ keepRunning: true });
  cradle = world.cradle();
  const [kept] = await cradle.start();
  const vm = await kept?.vm;
  assert.ok(vm);
  assert.deepEqual(vm.spec.volumes, [{ path, share: 'taken' }]);
  await vm.takeVolume(0);
  await assert.rejects(cradle.claim(world.spec({ volumes: [{ path }] })), { code: 'conflict' });
  assert.notEqual(statSync(path).uid, 0);
  await vm.dropVolume(0);
  assert.equal(statSync(path).uid, 0);
  assert.equal(statSync(path).nlink, 1);
  await vm.takeVolume(0);
  assert.equal(await runScript(vm, 'cat /v/n', given), 'kept\n');
  await vm.stop();
  assert.equal(statSync(path).uid, 0);
  assert.deepEqual(world.leftovers(), []);
});

test('the VMM has nothing but its own: user, namespaces, files, no capabilities, a system call filter', async () => {
  const [one, two] = await Promise.all([cradle.claim(world.spec()), cradle.claim(world.spec())]);
  assertJailed(one.pid, two.pid);
  await Promise.all([one.kill(), two.kill()]);
});

test('the memory that clones share can only be read by them', async () => {
  const vm = await cradle.claim(world.spec());
  const maps = readFileSync(`/proc/${vm.pid}/maps`, 'utf8');
  const mapped = maps.split('\n').filter((line) => line.endsWith('/memory'));
  assert.ok(mapped.length > 0);
  for (const line of mapped) assert.equal(line.split(' ')[1]?.at(3), 'p');
  const descriptors = execFds(vm.pid).filter(({ target }) => target.endsWith('/memory'));
  for (const { flags } of descriptors) assert.equal(Number.parseInt(flags, 8) & 3, 0, 'opened read-only');
  await vm.kill();
});

function execFds(pid: number): { target: string; flags: string }[] {
  return Array.from({ length: 64 }, (_, fd) => fd).flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
      const flags = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1] ?? '';
      return [{ target, flags }];
    } catch {
      return [];
    }
  });
}

test('a suspended VM uses no CPU, and goes on where it was', async () => {
  const vm = await cradle.claim(world.spec());
  await startContainer(vm, ['/bin/sh', '-c', 'while :; do :; done']);
  await vm.suspend();
  await vm.suspend();
  const { cpuMs } = await vm.usage();
  await until(
    'time passes',
    (() => {
      const at = Date.now() + 300;
      return () => Date.now() > at;
    })(),
  );
  assert.equal((await vm.usage()).cpuMs, cpuMs);
  await vm.resume();
  await until('it runs again', async () => (await vm.usage()).cpuMs > cpuMs);
  await vm.suspend();
  await vm.stop();
});

test('what no VM can be is refused before anything is made', async () => {
  const bad = [
    world.spec({ id: '../x' }),
    world.spec({ size: { ...smallSize, vcpus: 0 } }),
    world.spec({ size: { ...smallSize, memoryMiB: 1 } }),
    world.spec({ images: Array.from({ length: 5 }, () => world.image) }),
    world.spec({ volumes: Array.from({ length: 7 }, (_, n) => ({ path: `/v${n}` })) }),
    world.spec({ hostPaths: [{ source: '/etc', readOnly: true }] }),
    world.spec({ images: ['image'] }),
  ];
  for (const spec of bad) await assert.rejects(cradle.claim(spec), { code: 'invalid' });
  await assert.rejects(cradle.claim(world.spec({ images: ['/nowhere/image'] })), { code: 'not-found' });
  await assert.rejects(cradle.claim(world.spec({ images: ['/etc/passwd'] })), { code: 'corrupt' });
  assert.deepEqual(world.leftovers(), []);
});

test('one VM per pod, also for claims at the same time', async () => {
  const spec = world.spec();
  const outcomes = await Promise.allSettled([cradle.claim(spec), cradle.claim(spec)]);
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  for (const outcome of outcomes) if (outcome.status === 'fulfilled') await outcome.value.kill();
});

test('an aborted claim leaves nothing, whenever it comes', async () => {
  for (const afterMs of [0, 5, 20, 50, 80, 120]) {
    const abort = new AbortController();
    const claim = cradle.claim(world.spec(), abort.signal);
    setTimeout(() => abort.abort(), afterMs);
    const vm = await claim.catch((error: unknown) => {
      assert.ok(abort.signal.aborted, String(error));
      return undefined;
    });
    await vm?.kill();
    assert.deepEqual(world.leftovers(), []);
  }
});

test('clones differ in their random bytes, and have the right time', async () => {
  const clones = Number(process.env.KRAUD_CLONES ?? 6);
  const seen = new Set<string>();
  for (let n = 0; n < clones; n += 1) {
    const vm = await cradle.claim(world.spec());
    const script = 'head -c 32 /dev/urandom | base64; cat /proc/sys/kernel/random/uuid';
    const before = Date.now();
    const [bytes = '', uuid = ''] = (await runScript(vm, script)).split('\n');
    const { startedAtNs } = await vm.guest.container('main');
    const after = Date.now();
    assert.match(bytes, /^[A-Za-z0-9+/]{43}=$/);
    seen.add(bytes).add(uuid);
    const guestMs = Number(BigInt(startedAtNs) / 1_000_000n);
    assert.ok(guestMs > before - 500 && guestMs < after + 500, `${guestMs} is not in ${before}…${after}`);
    await vm.kill();
  }
  assert.equal(seen.size, clones * 2);
});

test('two claims for one warm slot: one has it, the other starts cold', async () => {
  const other = new World();
  const warm = other.cradle({ warmMax: 1 });
  try {
    await warm.start();
    await until('a warm slot', () => warmCount(warm) === 1);
    const vms = await Promise.all([warm.claim(other.spec()), warm.claim(other.spec())]);
    assert.deepEqual(vms.map((vm) => vm.warm).sort(), [false, true]);
    const outputs = await Promise.all(vms.map((vm) => runScript(vm, 'echo out')));
    assert.deepEqual(outputs, ['out\n', 'out\n']);
    await Promise.all(vms.map((vm) => vm.stop()));
    await until('the slot is made again', () => warmCount(warm) >= 1);
  } finally {
    await warm.close({ keepRunning: false });
  }
  assert.deepEqual(other.leftovers(), []);
  other.remove();
});
