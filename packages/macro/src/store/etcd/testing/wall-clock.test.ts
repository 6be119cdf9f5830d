import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '@kraud/base';
import { buildLauncher, WallClock } from './wall-clock.ts';

let dir: string;
let clock: WallClock;
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'kraud-clock-'));
  clock = new WallClock(buildLauncher(dir), join(dir, 'offset'));
});
after(() => rmSync(dir, { recursive: true, force: true }));

const hourS = 3600;
const isNear = (s: number, expectedS: number): boolean => Math.abs(s - expectedS) < 60;

test('a program sees its wall clock jump, there and back, and its monotonic clock go on', async (t) => {
  clock.set(0);
  const tell = '$| = 1; printf "[%f, %f]\\n", clock_gettime(CLOCK_REALTIME), clock_gettime(CLOCK_MONOTONIC)';
  const names = '-MTime::HiRes=clock_gettime,CLOCK_REALTIME,CLOCK_MONOTONIC';
  const [program, args] = clock.command('perl', [names, '-ne', tell]);
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  t.after(() => child.kill());
  let beforeS = 0;
  for (const offsetS of [0, hourS, -hourS, 24 * hourS, 0]) {
    clock.set(offsetS);
    child.stdin.write('\n');
    const [wallS, monotonicS]: [number, number] = JSON.parse(String((await lines.next()).value));
    assert.ok(isNear(wallS, Date.now() / 1000 + offsetS), `off by ${offsetS} s it said ${wallS}`);
    assert.ok(beforeS === 0 || isNear(monotonicS, beforeS), `${beforeS} s, then ${monotonicS} s`);
    beforeS = monotonicS;
  }
});

const run = (...[command, ...rest]: [string, ...string[]]) => {
  const [program, args] = clock.command(command, rest);
  return spawnSync(program, args, { encoding: 'utf8' });
};

test('what is left is the program alone: its exit code, its signals, its descriptors', () => {
  assert.equal(run('sh', '-c', 'exit 7').status, 7);
  assert.equal(run('sh', '-c', 'kill -TERM $$').signal, 'SIGTERM');
  assert.match(run('sh', '-c', 'grep TracerPid /proc/$$/status').stdout, /:\s0$/m);
  assert.doesNotMatch(run('ls', '-l', '/proc/self/fd').stdout, /offset/);
  const absent = run(join(dir, 'absent'));
  assert.equal(absent.status, 126);
  assert.match(absent.stderr, /absent: No such file/);
});

/** The command that runs as this process; empty if none does. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

async function until(condition: () => boolean): Promise<void> {
  const untilMs = systemClock.monotonic() + 60_000;
  while (!condition()) {
    assert.ok(systemClock.monotonic() < untilMs, String(condition));
    await delay(20);
  }
}

test('it has the number that was started, and ends with whoever started it', async () => {
  const [program, args] = clock.command('sleep', ['60']);
  const start = `child_process.spawn(${JSON.stringify(program)}, ${JSON.stringify(args)}).pid`;
  const script = `console.log(${start}); setInterval(() => {}, 1000)`;
  const parent = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const said = await createInterface({ input: parent.stdout })[Symbol.asyncIterator]().next();
  const pid = Number(said.value);
  await until(() => commandOf(pid) === 'sleep\x0060\0');
  parent.kill('SIGKILL');
  await until(() => commandOf(pid) === '');
});
