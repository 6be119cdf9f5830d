import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { GuestClient } from './client.ts';
import { AgentProcess, containerOf } from './testing/agent-process.ts';
import { LoopDisk } from './testing/loop-disk.ts';
import { SharePump } from './testing/pump.ts';
import { run } from './testing/run.ts';

const at = 'volumes/0';
const volume = (target: string, more = {}) => ({ type: 'volume', source: at, target, ...more }) as const;

let disk: LoopDisk;
let keeperAgent: AgentProcess;
let sharerAgent: AgentProcess;
let keeper: GuestClient;
let sharer: GuestClient;
before(async () => {
  disk = await LoopDisk.make();
  [keeperAgent, sharerAgent] = await Promise.all([AgentProcess.start(), AgentProcess.start()]);
  keeper = await keeperAgent.pod({ disks: [{ device: disk.device, at, type: 'ext4' }] });
  sharer = await sharerAgent.pod({ disks: [{ device: disk.device, at, type: 'share' }] });
});
after(async () => {
  await sharerAgent[Symbol.asyncDispose]();
  await keeperAgent[Symbol.asyncDispose]();
  await disk[Symbol.asyncDispose]();
});

const sh = (guest: GuestClient, script: string, more = {}) =>
  run(guest, containerOf(['sh', '-c', script], { mounts: [volume('/data')], ...more }));

test('what one writes the other reads, and a start in the share waits for its link', async () => {
  assert.equal((await sh(keeper, 'echo from the keeper > /data/a; mkdir /data/work')).exit.code, 0);
  const waiting = sh(sharer, 'pwd; cat ../a; echo from the sharer > b; ls /data', { cwd: '/data/work' });
  assert.deepEqual((await sharer.info()).shares, [{ at, state: 'waiting' }]);
  await using _pump = await SharePump.start(sharer, keeper, at);
  assert.equal((await waiting).stdout, '/data/work\nfrom the keeper\na\nlost+found\nwork\n');
  assert.deepEqual((await sharer.info()).shares, [{ at, state: 'linked' }]);
  assert.equal((await sh(keeper, 'cat /data/work/b')).stdout, 'from the sharer\n');
});
