import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { silentLogger } from '@kraud/base';
import type { Cradle, SizeClass, Vm } from './contract.ts';
import { assertJailed } from './testing/jailed.ts';
import { runScript, smallSize, startContainer, until, World, warmCount } from './testing/world.ts';

const manySize: SizeClass = { vcpus: 2, memoryMiB: 256, hostPaths: true };

let world: World;
let cradle: Cradle;
before(async () => {
  world = new World();
  cradle = world.cradle({ mouldsMax: 2 });
  await cradle.start();
  await withMould(smallSize);
});
after(async () => {
  await cradle.close({ keepRunning: false });
  assert.deepEqual(world.leftovers(), []);
  world.remove();
});

/** The first VM of a class has its mould made. */
async function withMould(size: SizeClass): Promise<void> {
  await (await cradle.claim(world.spec({ size }))).kill();
  const has = (): boolean => cradle.status().moulds.some((mould) => isDeepEqual(mould.size, size));
  await until('a mould', has);
}

const isDeepEqual = (a: SizeClass, b: SizeClass): boolean => JSON.stringify(a) === JSON.stringify(b);

interface Record {
  readonly state: string;
  readonly mark: { readonly pid: number };
}

function pidsOf(wanted: 'making' | 'mould', of = world): number[] {
  const vms = join(of.dir, 'cradle/vms');
  return readdirSync(vms)
    .flatMap((name) => {
      try {
        return [JSON.parse(readFileSync(join(vms, name, 'record.json'), 'utf8')) as Record];
      } catch {
        return []; // It goes away just now.
      }
    })
    .filter(({ state }) => state === wanted)
    .map(({ mark }) => mark.pid);
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return []; // It goes away just now.
  }
}

/** Sockets, pipes and namespaces that a process has open. */
function held(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`)
    .map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
    .filter((link) => /^(socket|pipe|mnt):/.test(link));
}

async function forked(size = smallSize): Promise<Vm> {
  return await cradle.claim(world.spec({ size }));
}

test('a fork runs a container, and shares no socket with its mould or another fork', async () => {
  const [mould] = pidsOf('mould');
  assert.ok(mould);
  const [one, two] = await Promise.all([forked(), forked()]);
  const texts = await Promise.all([one, two].map((vm) => runScript(vm, 'echo hello')));
  assert.deepEqual(texts, ['hello\n', 'hello\n']);
  const own = [mould, one.pid, two.pid].flatMap((pid) => [...new Set(held(pid))]);
  assert.equal(new Set(own).size, own.length, own.join(' '));
  await Promise.all([one.stop(), two.stop()]);
  assert.deepEqual(await one.exited, { reason: 'stopped', detail: 'stopped' });
});

test('a fork has a tap of its own, and its guest answers through it', async () => {
  const [one, two] = await Promise.all([forked(), forked()]);
  for (const vm of [one, two]) {
    assert.ok(vm.tap);
    await startContainer(vm, ['/bin/sleep', '60']);
    const plug = `ip addr add 172.17.0.1/16 dev ${vm.tap.name}; ip link set ${vm.tap.name} up`;
    const ping = 'exec busybox ping -c 1 -W 10 172.17.0.2';
    execFileSync('nsenter', ['-t', String(vm.tap.netnsPid), '-n', 'sh', '-ec', `${plug}; ${ping}`]);
  }
  await Promise.all([one.kill(), two.kill()]);
});

test('a fork is jailed as any VMM is', async () => {
  const [one, two] = await Promise.all([forked(), forked()]);
  assertJailed(one.pid, two.pid);
  for (const task of readdirSync(`/proc/${one.pid}/task`)) assertJailed(Number(task), two.pid);
  await Promise.all([one.kill(), two.kill()]);
});

test('forks differ in their random bytes, and have the right time', async () => {
  const seen = new Set<string>();
  const clones = 6;
  for (let n = 0; n < clones; n += 1) {
    const vm = await forked();
    const script = 'head -c 32 /dev/urandom | base64; cat /proc/sys/kernel/random/uuid; date +%s';
    const before = Math.floor(Date.now() / 1000);
    const [bytes = '', uuid = '', seconds = ''] = (await runScript(vm, script)).split('\n');
    seen.add(bytes).add(uuid);
    assert.ok(Number(seconds) >= before - 1 && Number(seconds) <= Date.now() / 1000 + 1, seconds);
    await vm.kill();
  }
  assert.equal(seen.size, clones * 2);
});

test('an aborted claim of a fork leaves nothing', async () => {
  const before = world.leftovers();
  for (const afterMs of [0, 2, 5, 10, 20, 40]) {
    const abort = new AbortController();
    const claim = cradle.claim(world.spec(), abort.signal);
    setTimeout(() => abort.abort(), afterMs);
    await (await claim.catch(() => undefined))?.kill();
    assert.deepEqual(world.leftovers(), before);
  }
});

test('a class with several processors and host paths can be forked too', async () => {
  await withMould(manySize);
  const source = world.makeDir('shown');
  const vm = await cradle.claim(world.spec({ size: manySize, hostPaths: [{ source, readOnly: false }] }));
  const disks = [{ tag: 'hostpaths', at: 'hostpaths', type: '9p' as const }];
  const mounts = [{ type: 'host' as const, source: 'hostpaths/0', target: '/shown' }];
  const script = 'echo there > /shown/note; grep -c ^processor /proc/cpuinfo; cat /shown/note';
  assert.equal(await runScript(vm, script, { pod: { disks }, container: { mounts } }), '2\nthere\n');
  assert.equal(readFileSync(join(source, 'note'), 'utf8'), 'there\n');
  await vm.stop();
});

test('a VM goes on without its mould and without its daemon; the next one has it, its end, and a new mould', async () => {
  const vm = await forked();
  await startContainer(vm, ['/bin/sh', '-c', 'while :; do sleep 1; done']);
  const moulds = pidsOf('mould');
  for (const pid of moulds) process.kill(pid, 'SIGKILL');
  const meanwhile = await forked();
  assert.equal(await runScript(meanwhile, 'echo meanwhile'), 'meanwhile\n');
  await meanwhile.kill();
  await until('the moulds are gone', () => moulds.every((pid) => !pidsOf('mould').includes(pid)));
  await vm.suspend();
  await vm.resume();
  await cradle.close({ keepRunning: true });
  cradle = world.cradle({ mouldsMax: 2 });
  const [found] = await cradle.start();
  const kept = await found?.vm;
  assert.equal(kept?.pid, vm.pid);
  assert.ok(kept);
  process.kill(kept.pid, 'SIGKILL');
  const { reason, detail } = await kept.exited;
  assert.equal(reason, 'killed');
  assert.match(detail, /signal 9/);
  await until('nothing is left', () => world.leftovers().length === 0);
  await withMould(smallSize);
  const next = await forked();
  assert.equal(await runScript(next, 'echo again'), 'again\n');
  await next.stop();
});

test('warm slots are forks too', async () => {
  const other = new World();
  const warnings: unknown[] = [];
  const logger = { ...silentLogger, warn: (...words: unknown[]) => void warnings.push(words) };
  const warm = other.cradle({ warmMax: 1, mouldsMax: 1, logger });
  try {
    await warm.start();
    await until('a warm slot', () => warmCount(warm) === 1);
    assert.deepEqual(warnings, []);
    assert.equal(warm.status().moulds.length, 1);
    const vm = await warm.claim(other.spec());
    assert.equal(vm.warm, true);
    assert.equal(await runScript(vm, 'echo out'), 'out\n');
    await vm.stop();
  } finally {
    await warm.close({ keepRunning: false });
  }
  assert.deepEqual(other.leftovers(), []);
  other.remove();
});

test('a VM that falls silent before it is a mould keeps no daemon from ending', async () => {
  const other = new World();
  const from = other.cradle({ mouldsMax: 1 });
  await from.start();
  await (await from.claim(other.spec())).kill();
  // That is what its rehearsal begins with.
  const rehearses = (): boolean =>
    list(join(other.dir, 'cradle/vms')).some((name) =>
      list(join(other.dir, 'cradle/vms', name, 'disks')).some((disk) => disk.startsWith('d0')),
    );
  await until('a rehearsal', rehearses);
  const [pid] = pidsOf('making', other);
  assert.ok(pid);
  process.kill(pid, 'SIGSTOP');
  await from.close({ keepRunning: false });
  assert.deepEqual(other.leftovers(), []);
  other.remove();
});
