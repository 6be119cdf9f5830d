import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProcessInfo } from '@kraud/cloud';
import { askedOf } from './args.ts';
import { renderProcesses } from './render.ts';

for (const [args, titles] of [
  ['-ef', 'UID PID PPID C STIME TTY TIME CMD'],
  ['aux', 'USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND'],
  ['-o pid,comm', 'PID COMMAND'],
  ['-eo pid,ppid=PARENT', 'PID PARENT'],
  ['-o pid -o args', 'PID COMMAND'],
  ['-A', 'PID TTY TIME CMD'],
  ['x', 'PID TTY STAT TIME COMMAND'],
] as const) {
  test(args, () => {
    assert.equal(
      askedOf(args)
        .columns.map((column) => column.title)
        .join(' '),
      titles,
    );
  });
}

for (const args of ['--forest', '-o nonsense', '-C bash', '--sort=nonsense', '-p 1', 'a;b']) {
  test(`${args} is refused by name`, () => assert.throws(() => askedOf(args), { code: 'unsupported' }));
}

const around = { nowMs: 1_700_000_130_000, memoryBytes: 4096 };
const init: ProcessInfo = {
  pid: 1,
  ppid: 0,
  uid: 0,
  user: 'root',
  state: 'S',
  startNs: 1_700_000_000_000_000_000n,
  cpuNs: 65_000_000_000,
  tty: '',
  vszBytes: 4096,
  rssBytes: 2048,
  args: '/bin/sh -c x',
};

test('a process', () => {
  const { Processes } = renderProcesses(askedOf('-ef'), [init], around);
  assert.deepEqual(Processes, [['root', '1', '0', '50', '22:13', '?', '00:01:05', '/bin/sh -c x']]);
  assert.deepEqual(renderProcesses(askedOf('-o pmem'), [init], around).Processes, [['50.0']]);
});

test('rows are in the order that was asked for', () => {
  const processes = [
    init,
    { ...init, pid: 20, rssBytes: 4096, args: 'awk' },
    { ...init, pid: 3, args: 'awk' },
  ];
  const pids = (args: string): string[] =>
    renderProcesses(askedOf(args), processes, around).Processes.map(([pid]) => pid ?? '');
  assert.deepEqual(pids('-o pid'), ['1', '20', '3']);
  assert.deepEqual(pids('-o pid --sort=pid'), ['1', '3', '20']);
  assert.deepEqual(pids('-o pid --sort comm,-pid'), ['20', '3', '1']);
  assert.deepEqual(pids('-o pid --sort=+args,rss'), ['1', '3', '20']);
});
