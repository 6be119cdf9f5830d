import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemRandom } from '@kraud/base';
import { agentBinary } from './testing/agent-process.ts';
import { LoopDisk } from './testing/loop-disk.ts';

/** Front and server of the agent, tied together without agents: what files in a share do, against ext4 itself. */
const program = join(agentBinary, '../share');
let disk: LoopDisk;
let top: string;
let where: string;
before(async () => {
  execFileSync('make', ['-s', '-C', join(agentBinary, '../..'), 'build/share']);
  disk = await LoopDisk.make();
  top = join(disk.dir, 'top');
  where = join(disk.dir, 'where');
  for (const dir of [top, where]) await mkdir(dir);
  // Other users do things there, too.
  await chmod(disk.dir, 0o755);
  execFileSync('mount', ['-o', 'noatime', disk.device, top]);
});
after(async () => {
  execFileSync('umount', [top]);
  await disk[Symbol.asyncDispose]();
});

function share(...args: string[]): void {
  const { status, stdout, stderr } = spawnSync(program, [top, where, ...args], { encoding: 'utf8' });
  assert.equal(status, 0, `${args.join(' ')}\n${stdout}${stderr}`);
  execFileSync('find', [top, '-mindepth', '1', '-delete']);
}

test('locks, fresh reads, rights, appends, files without names', () => share('checks'));

test('random things done to a share and to ext4 come out alike', () => {
  // The same one, and another one each time; the failure names it.
  for (const seed of [1, systemRandom.bytes(4).readUInt32LE() >>> 1]) share('random', `${seed}`, '1500');
});
