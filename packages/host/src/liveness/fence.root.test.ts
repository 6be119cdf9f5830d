import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { silentLogger, systemClock } from '@kraud/base';
import { bootMs } from './boot-clock.ts';
import { FenceProcess } from './fence.ts';
import { buildFence } from './fence-tool.ts';

const patienceMs = 60_000;
const cgroupRoot = existsSync('/sys/fs/cgroup/cgroup.controllers') ? '/sys/fs/cgroup' : '/sys/fs/cgroup/pids';

let dir: string;
let groups: string;
let program: string;
const children: ChildProcess[] = [];
const fences: FenceProcess[] = [];
const made: string[] = [];

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kraud-fence-'));
  groups = join(cgroupRoot, `kraud-fence-test-${process.pid}`);
  mkdirSync(groups);
  program = await buildFence(join(dir, 'cache'));
});

after(async () => {
  for (const fence of fences) await fence.end().catch(() => {});
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(children.map((child) => ended(child)));
  for (const group of made) rmdirSync(group);
  rmdirSync(groups);
  rmSync(dir, { recursive: true, force: true });
});

function fence(): FenceProcess {
  const one = new FenceProcess({
    program,
    dir: join(dir, 'fence'),
    groups,
    clock: systemClock,
    logger: silentLogger,
  });
  fences.push(one);
  return one;
}

/** A process in a control group of its own, as a VMM is. */
function member(name: string): ChildProcess {
  const group = join(groups, name);
  if (!existsSync(group)) {
    mkdirSync(group);
    made.push(group);
  }
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  children.push(child);
  writeFileSync(join(group, 'cgroup.procs'), String(child.pid));
  return child;
}

async function ended(child: ChildProcess): Promise<NodeJS.Signals | null> {
  if (child.exitCode === null && child.signalCode === null) {
    await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('it goes on')), patienceMs);
      child.once('exit', () => {
        clearTimeout(timer);
        resolve(undefined);
      });
    });
  }
  return child.signalCode;
}

/** Pids of the fence, the one on guard first. */
function processes(): number[] {
  const found = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => readLink(`/proc/${pid}/exe`) === program);
  const parent = (pid: number): string => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[3] ?? '';
  return found.sort((a, b) => (parent(b) === String(a) ? -1 : parent(a) === String(b) ? 1 : 0));
}

/** They, once there are two without the one that was killed. */
async function twoProcesses(without?: number): Promise<number[]> {
  for (;;) {
    const found = processes();
    if (found.length === 2 && !found.includes(without ?? 0)) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

const lives = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null;

describe('the fence', () => {
  test('ends what is in the groups once the time is over, and nothing before or beside', async () => {
    const one = fence();
    const [vm, other] = [member('a'), spawn('sleep', ['1000'], { stdio: 'ignore' })];
    children.push(other);
    assert.deepEqual(await one.hold(bootMs() + 600_000), {});
    assert.deepEqual(await one.hold(0), {}, 'the time is never moved back');
    assert.ok(lives(vm));
    await one.end();

    const next = fence();
    await next.hold(bootMs() + 300);
    assert.equal(await ended(vm), 'SIGKILL');
    assert.ok(lives(other));
    assert.equal(await ended(member('late')), 'SIGKILL', 'what comes afterwards gets no time');
    const { firedAtMs = 0 } = await next.hold(bootMs() + 600_000);
    assert.ok(firedAtMs > 0 && firedAtMs <= bootMs() + 10);
    const spared = member('b');
    assert.deepEqual(await next.hold(bootMs() + 600_000), {}, 'it is told once');
    assert.ok(lives(spared));
    await next.end();
  });

  test('it outlives who started it, and the next one takes it over', async () => {
    const script = `
      import { silentLogger, systemClock } from '@kraud/base';
      import { bootMs } from './boot-clock.ts';
      import { FenceProcess } from './fence.ts';
      const fence = new FenceProcess({ program: process.env.PROGRAM, dir: process.env.DIR, groups: process.env.GROUPS,
        clock: systemClock, logger: silentLogger });
      await fence.hold(bootMs() + Number(process.env.FOR_MS));
      console.log('held');
      setInterval(() => {}, 1000);`;
    const daemonOf = async (forMs: number): Promise<void> => {
      const daemon = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
        cwd: import.meta.dirname,
        env: {
          ...process.env,
          PROGRAM: program,
          DIR: join(dir, 'fence'),
          GROUPS: groups,
          FOR_MS: String(forMs),
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.push(daemon);
      await new Promise((resolve) => daemon.stdout.once('data', resolve));
      daemon.kill('SIGKILL');
      await ended(daemon);
    };
    const vm = member('c');
    await daemonOf(600_000);
    const one = fence();
    assert.deepEqual(await one.hold(bootMs() + 600_000), {});
    assert.ok(lives(vm));
    await one.end();
    await daemonOf(1_500);
    assert.equal(await ended(vm), 'SIGKILL', 'with nobody there');
    assert.ok((await fence().hold(bootMs() + 600_000)).firedAtMs);
  });

  test('a daemon that leaves leaves it on guard only if there is something to guard', async () => {
    const one = fence();
    await one.hold(bootMs() + 600_000);
    const vm = member('e');
    await one.leave();
    const next = fence();
    const forMs = 1_000;
    await next.hold(bootMs() + 600_000);
    vm.kill('SIGKILL');
    await ended(vm);
    await next.leave();
    // The fence has gone, and with it the time that it was told.
    await fence().hold(bootMs() + forMs);
    assert.equal(await ended(member('e')), 'SIGKILL');
  });

  test('when one of its two processes is killed or paused, the other goes on', async () => {
    const one = fence();
    await one.hold(bootMs() + 600_000);
    const vm = member('f');
    for (const signal of ['SIGKILL', 'SIGKILL', 'SIGSTOP'] as const) {
      const [first = 0] = await twoProcesses();
      process.kill(first, signal);
      if (signal === 'SIGKILL') await twoProcesses(first);
    }
    assert.ok(lives(vm));
    for (const pid of processes()) process.kill(pid, 'SIGCONT');
    assert.deepEqual(await one.hold(bootMs() + 600_000), {}, 'the same fence answers');
    await one.end();

    const [next, other] = [fence(), member('f')];
    await next.hold(bootMs() + 2_000);
    const [guard = 0] = await twoProcesses();
    process.kill(guard, 'SIGSTOP');
    assert.equal(await ended(other), 'SIGKILL');
    process.kill(guard, 'SIGCONT');
    await next.end();
  });

  test('one that died is started anew with the next hold', async () => {
    const one = fence();
    await one.hold(bootMs() + 600_000);
    await one.end();
    assert.deepEqual(await one.hold(bootMs() + 600_000), {});
    const vm = member('d');
    await one.end();
    await one.hold(bootMs() + 200);
    assert.equal(await ended(vm), 'SIGKILL');
  });
});
