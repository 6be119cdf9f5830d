import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
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
import type { Cradle, SizeClass, Vm, VmSpec } from './contract.ts';
import { smallSize, startContainer, until, World, warmCount } from './testing/world.ts';

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

const noted = { asleep: () => {}, awake: () => {} };
const dirOf = ({ id }: VmSpec): string => join(world.dir, `sleeper-${id}`);

/** Counts in its memory, on a tmpfs and on its disk, by its own clock. */
const counter = 'n=0; while :; do n=$((n+1)); echo $n > /dev/shm/n; echo $n > /n; echo $n; sleep 0.02; done';
const container = { shmBytes: 1024 * 1024 };

async function counting(spec: VmSpec, from = cradle): Promise<Vm> {
  const vm = await from.claim(spec);
  await startContainer(vm, ['/bin/sh', '-c', counter], { container });
  await counted(vm, 3);
  return vm;
}

/** Where the counter is, once it is there: it has missed none, and begun once. */
async function counted(vm: Vm, atLeast: number): Promise<number> {
  const logs = await vm.guest.logs('main');
  let text = '';
  for await (const entry of logs) {
    text += entry.bytes.toString();
    const numbers = text.split('\n').slice(0, -1).map(Number);
    if (numbers.length < atLeast) continue;
    logs.close();
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index + 1),
    );
    return numbers.length;
  }
  throw new Error('it has ended');
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
  assert.ok(!existsSync(dirOf(spec)));
  const after = await counted(woken, before + 3);
  for (const file of ['/dev/shm/n', '/n']) assert.ok(Number(await exec(woken, `cat ${file}`)) >= after, file);
  return woken;
}

test('a VM sleeps, and nothing of it runs; woken, it goes on with its memory and its disks, as often as it likes', async () => {
  const spec = world.spec();
  const first = await counting(spec);
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
  const vm = await counting(spec);
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
    const warm = await counting(other.spec(), from);
    assert.ok(warm.warm);
    await (await sleepAndWake(warm, from)).kill();
    await until('a mould', () => from.status().moulds.length === 1);
    await (await sleepAndWake(await counting(other.spec(), from), from)).kill();
    await (await sleepAndWake(await counting(other.spec({ size }), from), from)).kill();
  } finally {
    await from.close({ keepRunning: false });
  }
  assert.deepEqual(other.leftovers(), []);
  other.remove();
});

test('a sleep that does not come about leaves the VM as it was', async () => {
  const spec = world.spec();
  const dir = dirOf(spec);
  const vm = await counting(spec);
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
  const vm = await counting(world.spec());
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
  const vm = await counting(spec);
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
    (dir) => {
      const path = join(dir, 'manifest.json');
      writeFileSync(path, readFileSync(path, 'utf8').replace(/"vmm":"[^"]*"/, '"vmm":"1.0"'));
    },
  ];
  const spec = world.spec();
  const vm = await counting(spec);
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
