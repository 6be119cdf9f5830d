import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { GuestClient } from './client.ts';
import { containerOf } from './testing/agent-process.ts';
import { AgentVm } from './testing/agent-vm.ts';
import { run } from './testing/run.ts';
import { ShareLink } from './testing/share-link.ts';

const at = 'volumes/0';
const mounts = [{ type: 'volume', source: at, target: '/data' }] as const;

let keeperVm: AgentVm;
let sharerVm: AgentVm;
let keeper: GuestClient;
let sharer: GuestClient;
before(async () => {
  keeperVm = await AgentVm.start();
  // The slot for the keeper's disk: the sharer leaves it alone until it is told to hold it.
  const slot = `if=none,id=d6,format=raw,file=${join(keeperVm.dir, 'd5')},file.locking=off`;
  sharerVm = await AgentVm.start({
    extra: ['-drive', slot, '-device', 'virtio-blk-device,drive=d6,serial=d6'],
  });
  [keeper, sharer] = await Promise.all([
    keeperVm.pod({ disks: [{ device: 'd5', at, type: 'ext4' }] }),
    sharerVm.pod({ disks: [{ device: 'd6', at, type: 'share' }] }),
  ]);
});
after(async () => {
  await sharerVm[Symbol.asyncDispose]();
  await keeperVm[Symbol.asyncDispose]();
});

const sh = (guest: GuestClient, script: string) => run(guest, containerOf(['sh', '-c', script], { mounts }));

test('two VMs share a volume; the keeper is killed, and the sharer goes on with the disk', async () => {
  const link = await ShareLink.start(sharer, keeper, at);
  const files =
    'cd /data; cp /bin/busybox .; ./busybox ls; dd if=busybox of=copy bs=100k conv=fsync 2>/dev/null; cmp busybox copy';
  assert.deepEqual(await sh(sharer, files), {
    stdout: 'busybox\nlost+found\n',
    stderr: '',
    exit: { code: 0, signal: 0, oomKilled: false, error: '' },
  });
  assert.equal((await sh(keeper, 'cmp /bin/busybox /data/copy && echo same')).stdout, 'same\n');

  // What is written and synced before the power goes is there after it; the process only sees a pause.
  const counts =
    'i=0; while [ ! -e /data/stop ]; do i=$((i+1)); echo $i | dd of=/data/next conv=fsync 2>/dev/null; mv /data/next /data/last; done; cat /data/last; echo $i';
  await sharer.createContainer('counter', containerOf(['sh', '-c', counts], { mounts }));
  await sharer.startContainer('counter');
  while (!((await sh(keeper, 'cat /data/last')).stdout > '2'));
  await keeperVm[Symbol.asyncDispose]();
  await link.ended();
  await link[Symbol.asyncDispose]();
  await sharer.holdShare(at);
  assert.equal(
    (await sh(sharer, 'touch /data/stop; cmp /bin/busybox /data/copy && echo same')).stdout,
    'same\n',
  );
  const logs = await sharer.logs('counter');
  const read: string[] = [];
  for await (const entry of logs) read.push(entry.bytes.toString());
  const [last, count] = read.join('').trim().split('\n');
  assert.ok(Number(last) > 2 && last === count, read.join(''));
  await sharer.tearDownPod();
});
