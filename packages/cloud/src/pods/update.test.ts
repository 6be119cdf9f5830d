import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MiB } from '@kraud/base';
import type { Pod } from '@kraud/macro';
import { podLimits } from '../limits.ts';
import { changed } from './update.ts';

/** Only what an update looks at. */
function pod(phase: Pod['status']['phase'], spec: Partial<Pod['spec']> = {}): Pod {
  const seen = {
    spec: {
      containers: [{ name: 'main', resources: {} }],
      autoRemove: false,
      vcpus: 1,
      memoryMiB: 512,
      restart: { name: 'no', retriesMax: 0 },
      ...spec,
    },
    status: { phase },
  };
  return seen as unknown as Pod;
}

for (const phase of ['created', 'exited'] as const) {
  test(`a pod that is ${phase} gets the size of its new limits`, () => {
    const { spec } = changed(pod(phase), { resources: { memoryBytes: 1000 * MiB }, cpus: 2 }, podLimits);
    assert.deepEqual([spec.memoryMiB, spec.vcpus, spec.cpus], [2048, 2, 2]);
  });
}

test('a pod that runs keeps its VM’s size', () => {
  const { spec } = changed(pod('running'), { resources: { memoryBytes: 448 * MiB }, cpus: 0.5 }, podLimits);
  assert.deepEqual([spec.memoryMiB, spec.vcpus, spec.cpus], [512, 1, 0.5]);
});

for (const [what, change] of [
  ['memory', { resources: { memoryBytes: 449 * MiB } }],
  ['cpus', { cpus: 1.5 }],
  ['cpus', { resources: { cpuQuotaUs: 150_000 } }],
] as const) {
  test(`${what} can't outgrow a running pod's VM`, () => {
    assert.throws(
      () => changed(pod('running'), change, podLimits),
      (error: Error) => error.message.startsWith(`${what} can't grow past`),
    );
  });
}

test('a quota of -1 takes the limit away', () => {
  const { spec } = changed(
    pod('exited', { cpus: 2, vcpus: 2 }),
    { resources: { cpuQuotaUs: -1 } },
    podLimits,
  );
  assert.deepEqual(
    [spec.cpus, spec.vcpus, spec.containers[0]?.resources],
    [undefined, 1, { cpuQuotaUs: -1 }],
  );
});

test('a change of the restart policy alone keeps the size', () => {
  const before = pod('exited', { memoryMiB: 4096 });
  const { spec } = changed(before, { restart: { name: 'always', retriesMax: 0 } }, podLimits);
  assert.deepEqual([spec.memoryMiB, spec.restart.name], [4096, 'always']);
});

test('a limit below the reservation, or below the least, is refused', () => {
  const limits = { memoryBytes: 20 * MiB, memoryReservationBytes: 30 * MiB };
  assert.throws(() => changed(pod('exited'), { resources: limits }, podLimits), /reservation/);
  assert.throws(() => changed(pod('exited'), { resources: { memoryBytes: MiB } }, podLimits), /Minimum/);
});
