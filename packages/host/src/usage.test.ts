import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '@kraud/base';
import type { Pod } from '@kraud/macro';
import { type ProcessUse, readProcess, UsageSampler } from './usage.ts';

const MiB = 1024 * 1024;

test('CPU is the mean since the sample before, of the same process', async () => {
  const clock = new FakeClock();
  const uses = new Map<number, ProcessUse>([[7, { cpuS: 3, memoryBytes: 10 * MiB + 1 }]]);
  const pod = { meta: { uid: 'a' }, status: { vm: { pid: 7 } } };
  const idle = { meta: { uid: 'b' }, status: {} };
  const pods = [pod, idle] as unknown as Pod[];
  const sampler = new UsageSampler(
    () => pods,
    clock,
    (pid) => uses.get(pid),
  );
  assert.deepEqual(sampler.sample(), {});
  await clock.advance(10_000);
  uses.set(7, { cpuS: 8, memoryBytes: 20 * MiB });
  assert.deepEqual(sampler.sample(), { a: { cpus: 0.5, memoryBytes: 20 * MiB } });
  pod.status.vm.pid = 8;
  uses.set(8, { cpuS: 0, memoryBytes: MiB });
  await clock.advance(10_000);
  assert.deepEqual(sampler.sample(), {});
  uses.delete(8);
  assert.deepEqual(sampler.sample(), {});
});

test('a process is read from /proc, and one that is gone is nothing', () => {
  const use = readProcess(process.pid);
  assert.ok(use && use.cpuS > 0 && use.memoryBytes > MiB);
  assert.equal(readProcess(2 ** 22 + 1), undefined);
});
