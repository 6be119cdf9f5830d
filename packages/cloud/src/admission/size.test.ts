import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MiB } from '@kraud/base';
import { podLimits } from '../limits.ts';
import { sizeClass } from './size.ts';

for (const [wanted, expected] of [
  [{}, { vcpus: 1, memoryMiB: 512 }],
  [{ memoryBytes: 64 * MiB }, { vcpus: 1, memoryMiB: 128 }],
  [{ memoryBytes: 65 * MiB }, { vcpus: 1, memoryMiB: 256 }],
  [{ cpus: 1.5 }, { vcpus: 2, memoryMiB: 512 }],
  [{ cpuset: '0,2-3' }, { vcpus: 4, memoryMiB: 512 }],
  [
    { cpus: 2, cpuset: '0' },
    { vcpus: 2, memoryMiB: 512 },
  ],
] as const) {
  test(JSON.stringify(wanted), () => assert.deepEqual(sizeClass(wanted, podLimits), expected));
}

for (const wanted of [{ memoryBytes: MiB }, { memoryBytes: 1e15 }, { cpus: 1000 }, { cpuset: '7777' }]) {
  test(`${JSON.stringify(wanted)} is refused`, () => {
    assert.throws(() => sizeClass(wanted, podLimits), { code: 'invalid' });
  });
}
