import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SeededRandom } from '@kraud/base';
import type { Cradle, SizeClass, Vm, VmSpec } from './contract.ts';
import { assertJailed } from './testing/jailed.ts';
import { counted, counting, smallSize, until, World, warmCount } from './testing/world.ts';

let world: World;
let cradle: Cradle;
before(async () => {
  world = new World();
  cradle = world.cradle();
  await cradle.start();
});
after(async () => {
  await cradle.close({ keepRunning: false });
  assert.deepEqual(world.leftovers(), []);
  world.remove();
});

const daemon = join(import.meta.dirname, 'testing/daemon.ts');
const noted = { asleep: () => {}, awake: () => {} };
const dirOf = ({ id }: VmSpec): string => join(world.dir, `sleeper-${id}`);

async function claimCounting(spec: VmSpec, from = cradle): Promise<Vm> {
  const vm = await from.claim(spec);
  await counting(vm);
  return vm;
}

async function exec(vm: Vm, script: string): Promise<string> {
  const config = { args: ['/bin/sh', '-c', script], env: ['PATH=/bin'] };
  const run = await vm.guest.exec('main', `x${Math.random().toString(16).slice(2)}`, config);
  let text = '';
  for await (const { bytes } of run) text += bytes.toString();
  return text;
}

async function uptimeSeconds(vm: Vm): Promise<number> {
  return Number((await exec(vm, 'cat /proc/uptime')).split(' ')[0]);
}

async function sleepAndWake(vm: Vm, from = cradle): Promise<Vm> {
  const { spec } = vm;
  const before = await counted(vm, 1);
  await vm.sleep(dirOf(spec), noted);
  assert.deepEqual(await vm.exited, { reason: 'asleep', detail: 'asleep' });
  const woken = await from.wake(spec, dirOf(spec), noted);
  await until('what it slept in is gone', () => !existsSync(dirOf(spec)));
  const after = await counted(woken, before + 3);
  for (const file of ['/dev/shm/n', '/n']) {
    await until(`${file} goes on`, async () => Number(await exec(woken, `cat ${file}`)) >= after);
  }
  return woken;
}

test('a VM sleeps, and nothing of it runs; woken, it goes on with its memory and its disks, as often as it likes', async () => {
  const spec = world.spec();
  const first = await claimCounting(spec);
  const before = await counted(first, 5);
  let whole = false;
  const { bytes } = await first.sleep(dirOf(spec), {
    asleep: () => {
      whole = existsSync(join(dirOf(spec), 'manifest.json'));
    },
  });
  assert.ok(whole);
  assert.ok(bytes > 0 && bytes < smallSize.memoryMiB * 1024 * 1024);
  assert.deepEqual(world.leftovers(), []);
  assert.equal(statSync(spec.writable.path).uid, 0);
  await assert.rejects(first.suspend(), { code: 'conflict' });
  await assert.rejects(first.sleep(dirOf(spec), noted), { code: 'conflict' });
  await first.stop();
  let vm = await cradle.wake(spec, dirOf(spec), noted);
  assert.equal(vm.warm, false);
  await counted(vm, before + 5);
  for (let times = 0; times < 2; times += 1) vm = await sleepAndWake(vm);
  await vm.suspend();
  await assert.rejects(vm.sleep(dirOf(spec), noted), { code: 'conflict' });
  await vm.stop();
  assert.deepEqual(world.leftovers(), []);
});

test("what a guest wrote is there again, and the guest's clock stands still meanwhile", async () => {
  const spec = world.spec();
  const vm = await claimCounting(spec);
  await exec(vm, 'echo kept > /note; sync');
  const hostFrom = performance.now();
  const guestFrom = await uptimeSeconds(vm);
  await vm.sleep(dirOf(spec), noted);
  const apart = 1_000;
  const at = performance.now();
  await until('time passes', () => performance.now() - at > apart);
  const woken = await cradle.wake(spec, dirOf(spec), noted);
  const guestSeconds = (await uptimeSeconds(woken)) - guestFrom;
  const hostSeconds = (performance.now() - hostFrom) / 1000;
  assert.ok(
    guestSeconds >= 0 && guestSeconds < hostSeconds - apart / 2_000,
    `${guestSeconds} of ${hostSeconds} s`,
  );
  assert.equal(await exec(woken, 'cat /note'), 'kept\n');
  await woken.kill();
});

test('VMs from a warm slot and forks of a mould sleep too, and so does one with several processors', async () => {
  const other = new World();
  const from = other.cradle({ warmMax: 1, mouldsMax: 2 });
  const size: SizeClass = { vcpus: 2, memoryMiB: 256, hostPaths: true };
  try {
    await from.start();
    await until('a warm slot', () => warmCount(from) === 1);
    const warm = await claimCounting(other.spec(), from);
    assert.ok(warm.warm);
    await (await sleepAndWake(warm, from)).kill();
    await until('a mould', () => from.status().moulds.length === 1);
    await (await sleepAndWake(await claimCounting(other.spec(), from), from)).kill();
    await (await sleepAndWake(await claimCounting(other.spec({ size }), from), from)).kill();
  } finally {
    await from.close({ keepRunning: false });
  }
  assert.deepEqual(other.leftovers(), []);
  other.remove();
});

test('a woken VM is jailed as any is, and can only read what it slept in', async () => {
  const [one, two] = [
    await sleepAndWake(await claimCounting(world.spec())),
    await cradle.claim(world.spec()),
  ];
  assertJailed(one.pid, two.pid);
  const maps = readFileSync(`/proc/${one.pid}/maps`, 'utf8').split('\n');
  const mapped = maps.filter((line) => / \S*\/memory( \(deleted\))?$/.test(line));
  assert.ok(mapped.length > 1);
  for (const line of mapped) assert.equal(line.split(' ')[1]?.at(3), 'p');
  await Promise.all([one.kill(), two.kill()]);
});

test('a volume that was taken is there again, and can be dropped', async () => {
  const path = join(world.dir, 'volume');
  await cradle.createDisk(path, 64 * 1024 * 1024);
  const vm = await claimCounting(world.spec({ volumes: [{ path, share: 'elsewhere' }] }));
  await vm.takeVolume(0);
  const woken = await sleepAndWake(vm);
  assert.deepEqual(woken.spec.volumes, [{ path, share: 'taken' }]);
  assert.notEqual(statSync(path).uid, 0);
  await assert.rejects(cradle.claim(world.spec({ volumes: [{ path }] })), { code: 'conflict' });
  await woken.dropVolume(0);
  assert.equal(statSync(path).uid, 0);
  await woken.kill();
});

/** Pids of what woken VMs are forked from. */
function blanks({ dir }: World): number[] {
  const vms = join(dir, 'cradle/vms');
  const records = readdirSync(vms).flatMap((name) => {
    try {
      return [JSON.parse(readFileSync(join(vms, name, 'record.json'), 'utf8'))];
    } catch {
      return []; // It goes away just now.
    }
  });
  return records.filter(({ state }) => state === 'blank').map(({ mark }) => mark.pid as number);
}

/** Its keeper tells. */
function isFork({ pid }: Vm): boolean {
  const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return readFileSync(`/proc/${parent}/cmdline`, 'utf8').split('\0').includes('--keep');
}

test('a woken VM is a fork of one that waits for a state, jailed as any is; without it, it is launched', async () => {
  const other = new World();
  const from = other.cradle({ mouldsMax: 1 });
  try {
    await from.start();
    let vm = await sleepAndWake(await claimCounting(other.spec(), from), from);
    await until('what it is forked from', () => blanks(other).length === 1);
    const [blank = 0] = blanks(other);
    for (let times = 0; times < 2; times += 1) {
      vm = await sleepAndWake(vm, from);
      assert.ok(isFork(vm));
      assertJailed(vm.pid, blank);
    }
    const { spec } = vm;
    await vm.sleep(dirOf(spec), noted);
    process.kill(blank, 'SIGKILL');
    vm = await from.wake(spec, dirOf(spec), noted);
    assert.ok(!isFork(vm));
    vm = await sleepAndWake(vm, from);
    await until('another one', () => blanks(other).some((each) => each !== blank));
    vm = await sleepAndWake(vm, from);
    assert.ok(isFork(vm));
    await vm.kill();
  } finally {
    await from.close({ keepRunning: false });
  }
  assert.deepEqual(other.leftovers(), []);
  other.remove();
});

test('a sleep that does not come about leaves the VM as it was', async () => {
  const spec = world.spec();
  const dir = dirOf(spec);
  const vm = await claimCounting(spec);
  const goesOn = async (): Promise<void> => {
    assert.ok(!existsSync(dir));
    await counted(vm, (await counted(vm, 1)) + 3);
  };
  const refuse = (): never => {
    throw new Error('no');
  };
  await assert.rejects(vm.sleep(dir, { asleep: refuse }), { message: 'no' });
  await goesOn();
  for (const afterMs of [0, 5, 20, 50, 80, 120]) {
    const abort = new AbortController();
    const sleeping = vm.sleep(dir, { asleep: refuse, signal: abort.signal });
    setTimeout(() => abort.abort(), afterMs);
    await assert.rejects(sleeping);
    await goesOn();
  }
  mkdirSync(dir);
  await assert.rejects(vm.sleep(dir, noted), { code: 'conflict' });
  assert.ok(existsSync(dir));
  execFileSync('rmdir', [dir]);
  await goesOn();
  const slept = assert.rejects(vm.sleep(dir, { asleep: refuse }));
  await vm.kill();
  await slept;
  assert.ok(!existsSync(dir));
  assert.deepEqual(world.leftovers(), []);
});

test('a VM does not sleep on a disk that is full, nor with host paths, and its VMM may end meanwhile', async () => {
  const small = world.makeDir('small');
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'small', small]);
  const vm = await claimCounting(world.spec());
  try {
    await assert.rejects(vm.sleep(join(small, 'sleeper'), noted), { code: 'exhausted' });
    assert.deepEqual(readdirSync(small), []);
  } finally {
    execFileSync('umount', [small]);
  }
  await counted(vm, (await counted(vm, 1)) + 3);
  const slept = assert.rejects(vm.sleep(dirOf(vm.spec), noted), { code: 'unavailable' });
  process.kill(vm.pid, 'SIGKILL');
  await slept;
  assert.equal((await vm.exited).reason, 'killed');
  assert.ok(!existsSync(dirOf(vm.spec)));
  const size = { ...smallSize, hostPaths: true };
  const hostPaths = [{ source: world.makeDir('shown'), readOnly: false }];
  const shown = await cradle.claim(world.spec({ size, hostPaths }));
  await assert.rejects(shown.sleep(dirOf(shown.spec), noted), { code: 'conflict', message: /host paths/ });
  await shown.kill();
  assert.deepEqual(world.leftovers(), []);
});

test('a wake that does not come about leaves the sleeper as it was; one that does uses it up', async () => {
  const spec = world.spec();
  const dir = dirOf(spec);
  const vm = await claimCounting(spec);
  const before = await counted(vm, 1);
  await vm.sleep(dir, noted);
  const refuse = (): never => {
    throw new Error('no');
  };
  await assert.rejects(cradle.wake(spec, dir, { awake: refuse }), { message: 'no' });
  assert.deepEqual(world.leftovers(), []);
  for (const afterMs of [0, 10, 30, 60]) {
    const abort = new AbortController();
    setTimeout(() => abort.abort(), afterMs);
    await assert.rejects(cradle.wake(spec, dir, { awake: refuse, signal: abort.signal }));
    assert.deepEqual(world.leftovers(), []);
  }
  const absent = { ...spec, images: ['/nowhere/image'] };
  await assert.rejects(cradle.wake(absent, dir, noted), { code: 'corrupt', message: /another VM/ });
  const woken = await cradle.wake(spec, dir, noted);
  await counted(woken, before + 3);
  await assert.rejects(cradle.wake(spec, dir, noted), { code: 'conflict' });
  await woken.kill();
  await assert.rejects(cradle.wake(spec, dir, noted), { code: 'not-found' });
});

test('a sleeper that was damaged, or made elsewhere, is refused, and left', async () => {
  const damage: ((dir: string) => void)[] = [
    (dir) => truncateSync(join(dir, 'memory'), 1024 * 1024),
    (dir) => writeFileSync(join(dir, 'state'), Buffer.alloc(1000)),
    (dir) => writeFileSync(join(dir, 'manifest.json'), '{'),
    (dir) => execFileSync('rm', [join(dir, 'memory')]),
    (dir) => writeFileSync(join(dir, 'layout'), Buffer.alloc(8, 255)),
    (dir) => {
      const path = join(dir, 'manifest.json');
      writeFileSync(path, readFileSync(path, 'utf8').replace(/"vmm":"[^"]*"/, '"vmm":"1.0"'));
    },
  ];
  const spec = world.spec();
  const vm = await claimCounting(spec);
  await vm.sleep(dirOf(spec), noted);
  for (const break_ of damage) {
    const dir = join(world.dir, 'damaged');
    execFileSync('cp', ['-a', '--sparse=always', dirOf(spec), dir]);
    break_(dir);
    await assert.rejects(cradle.wake(spec, dir, noted), { code: 'corrupt' });
    assert.deepEqual(world.leftovers(), []);
    execFileSync('rm', ['-r', dir]);
  }
  execFileSync('rm', [join(dirOf(spec), 'manifest.json')]);
  await assert.rejects(cradle.wake(spec, dirOf(spec), noted), { code: 'not-found' });
  execFileSync('rm', ['-r', dirOf(spec)]);
});

test('its tap stays where it is while a VM sleeps, is its own again, and ends with it', async () => {
  const netns = `kraud-test-${process.pid}`;
  const stayed = { netns: `/run/netns/${netns}`, name: 'tap0' };
  const ip = (...args: string[]): string => execFileSync('ip', ['-n', netns, ...args]).toString();
  const taps = (): string[] => ip('-o', 'link').match(/tap0/g) ?? [];
  const ping = (): void => {
    execFileSync('ip', ['netns', 'exec', netns, 'busybox', 'ping', '-c', '1', '-W', '20', '172.17.0.2']);
  };
  const refuse = (): never => {
    throw new Error('no');
  };
  execFileSync('ip', ['netns', 'add', netns]);
  try {
    const spec = world.spec();
    const dir = dirOf(spec);
    let vm = await claimCounting(spec);
    const pid = String(vm.tap?.netnsPid);
    execFileSync('nsenter', ['-t', pid, '-n', 'ip', 'link', 'set', 'tap0', 'netns', netns]);
    ip('addr', 'add', '172.17.0.1/16', 'dev', 'tap0');
    ip('link', 'set', 'tap0', 'up');
    ping();
    await assert.rejects(vm.sleep(dir, { asleep: refuse }));
    for (let times = 0; times < 2; times += 1) {
      await vm.sleep(dir, noted);
      assert.equal(taps().length, 1);
      const elsewhere = cradle.wake(spec, dir, { ...noted, tap: { ...stayed, name: 'tap9' } });
      await assert.rejects(elsewhere, { code: 'unavailable', message: /find tap tap9/ });
      await assert.rejects(cradle.wake(spec, dir, { awake: refuse, tap: stayed }), { message: 'no' });
      assert.equal(taps().length, 1);
      vm = await cradle.wake(spec, dir, { ...noted, tap: stayed });
      ping();
    }
    await assert.rejects(vm.sleep(dir, { asleep: refuse }));
    ping();
    await vm.kill();
    assert.deepEqual(taps(), []);
  } finally {
    execFileSync('ip', ['netns', 'del', netns]);
  }
});

test('a daemon killed at any point of a sleep or a wake: one of the two goes on where it was', async () => {
  const seed = Number(process.env.KRAUD_SEED ?? 7);
  const random = new SeededRandom(seed);
  const other = new World();
  const rounds = Number(process.env.KRAUD_ROUNDS ?? 6);
  for (let round = 0; round < rounds; round += 1) {
    const spec = other.spec();
    const dir = join(other.dir, `sleeper-${round}`);
    const child = spawn(process.execPath, [daemon, other.dir, JSON.stringify(spec), dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    const killAtMs = Date.now() + random.below(500);
    await until('its time has come', () => Date.now() >= killAtMs);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const asleep = existsSync(`${dir}.record`) && readFileSync(`${dir}.record`, 'utf8') === 'asleep';
    const next = other.cradle();
    const [kept] = await next.start({ isAsleep: (id, where) => asleep && id === spec.id && where === dir });
    const about = `seed ${seed}, round ${round}, ${asleep ? 'asleep' : 'awake'}`;
    assert.equal(kept === undefined, asleep, about);
    const vm = kept ? await kept.vm : await next.wake(spec, dir, noted);
    assert.ok(vm, about);
    await until('what it slept in is gone', () => !existsSync(dir));
    await counted(vm, (await counted(vm, 1)) + 3);
    await (await sleepAndWake(vm, next)).kill();
    assert.deepEqual(other.leftovers(), [], about);
    await next.close({ keepRunning: false });
  }
  other.remove();
});
