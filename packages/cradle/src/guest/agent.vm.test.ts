import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { systemClock } from '@kraud/base';
import type { GuestClient } from './client.ts';
import { containerOf } from './testing/agent-process.ts';
import { AgentVm } from './testing/agent-vm.ts';
import { execIn, output, run } from './testing/run.ts';

let vm: AgentVm;
let guest: GuestClient;
before(async () => {
  vm = await AgentVm.start();
  guest = await vm.pod({ disks: [{ device: 'd5', at: 'volumes/data', type: 'ext4' }] });
});
after(() => vm[Symbol.asyncDispose]());

const sh = (script: string, more = {}) => run(guest, containerOf(['sh', '-c', script], more));

test('a container in a real guest: kernel, network, clock, volume', async () => {
  const result = await sh(
    'uname -r; ip -4 addr show eth0 | grep -o "10.0.2.15/24"; date +%s; cat /data/hello',
    {
      mounts: [{ type: 'volume', source: 'volumes/data', target: '/data', copyUp: true }],
    },
  );
  const [kernel, address, seconds, hello] = result.stdout.split('\n');
  assert.match(kernel ?? '', /kraud/);
  assert.equal(address, '10.0.2.15/24');
  assert.ok(Math.abs(Number(seconds) - Date.now() / 1000) < 30);
  assert.equal(hello, 'from the image');
});

test('a container over its memory limit is killed, and says so', async () => {
  const result = await sh('exec tail /dev/zero', { resources: { memoryBytes: 16 << 20 } });
  assert.deepEqual(result.exit, { code: 137, signal: 9, oomKilled: true, error: '' });
});

test('a container without a limit that takes all memory dies, the agent does not', async () => {
  const result = await sh('exec tail /dev/zero');
  assert.equal(result.exit.code, 137);
  assert.equal(result.exit.oomKilled, true);
  assert.equal((await guest.info()).agent, 1);
});

test('a fork bomb: the agent still answers, and ends it', async () => {
  await guest.createContainer(
    'bomb',
    containerOf(['sh', '-c', 'b() { b | b & }; b; sleep 1000'], { resources: { pidsMax: 0 } }),
  );
  await guest.startContainer('bomb');
  for (;;) if ((await guest.stats('bomb')).pids > 200) break;
  await guest.killContainer('bomb', 9);
  assert.equal((await guest.waitContainer('bomb')).code, 137);
  await guest.removeContainer('bomb');
  assert.equal((await sh('echo fine')).stdout, 'fine\n');
});

test('limits: pids and CPU, and an update of them; stats', async () => {
  await guest.createContainer(
    'limits',
    containerOf(['sleep', '1000'], { resources: { pidsMax: 7, cpuQuotaUs: 50_000, memoryBytes: 32 << 20 } }),
  );
  await guest.startContainer('limits');
  const show = {
    args: ['cat', '/sys/fs/cgroup/pids.max', '/sys/fs/cgroup/cpu.max', '/sys/fs/cgroup/memory.max'],
  };
  assert.equal((await execIn(guest, 'limits', show)).stdout, `7\n50000 100000\n${32 << 20}\n`);
  await guest.updateContainer('limits', { pidsMax: 0, memoryBytes: 48 << 20 });
  assert.equal((await execIn(guest, 'limits', show)).stdout, `max\n50000 100000\n${48 << 20}\n`);
  let stats = await guest.stats('limits');
  // The kernel counts what has ended for a moment longer, and CPU time by its ticks: all that ran so far may be between two.
  while (stats.pids !== 1 || stats.cpuNs === 0) {
    await systemClock.sleep(20);
    if (stats.cpuNs === 0) await execIn(guest, 'limits', show);
    stats = await guest.stats('limits');
  }
  assert.equal(stats.memoryMaxBytes, 48 << 20);
  assert.ok(stats.memoryBytes > 0 && stats.cpuNs > 0 && stats.systemCpuNs > 0);
  assert.deepEqual(
    stats.net.map((one) => one.name),
    ['eth0'],
  );
  await guest.removeContainer('limits');
});

test('a full disk is an error of the container, not of the agent', async () => {
  const result = await sh(
    'dd if=/dev/zero of=/full bs=1M 2>&1 | grep -o "No space left on device"; rm /full',
  );
  assert.equal(result.stdout, 'No space left on device\n');
});

test('the pod is taken apart and made again, with the writable layer as it was', async () => {
  await guest.createContainer('keep', containerOf(['sh', '-c', 'echo kept > /kept']));
  await guest.startContainer('keep');
  await guest.waitContainer('keep');
  await guest.tearDownPod();
  await guest.setUpPod(vm.podBody());
  await guest.createContainer('keep', containerOf(['cat', '/kept']));
  assert.equal((await output(guest, 'keep')).stdout, 'kept\n');
});
