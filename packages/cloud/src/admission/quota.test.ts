import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GiB } from '@kraud/base';
import { askedBy, refuseOverQuota } from './quota.ts';

const pod = { vcpus: 2, memoryMiB: 1024 };

test('a pod counts with its requests, or else with its VM', () => {
  assert.deepEqual(askedBy(pod, 3), { cpus: 6, memoryBytes: 3 * GiB, pods: 3 });
  assert.deepEqual(askedBy({ ...pod, cpus: 0.5 }), { cpus: 0.5, memoryBytes: GiB, pods: 1 });
  const requests = { cpus: 0.25, memoryBytes: 100 };
  const placement = { band: 'batch' as const, requests, constraints: [], prefer: [], near: [], far: [] };
  assert.deepEqual(askedBy({ ...pod, placement: { ...placement, tolerations: [], spread: [] } }), {
    ...requests,
    pods: 1,
  });
});

test('up to the limit and not beyond, each limit by name', () => {
  const quota = { cpus: 4, pods: 2 };
  const used = { cpus: 2, memoryBytes: 9 * GiB, pods: 1 };
  refuseOverQuota(quota, 'batch', askedBy(pod), used);
  refuseOverQuota(undefined, 'batch', askedBy(pod, 100), used);
  assert.throws(() => refuseOverQuota(quota, 'batch', askedBy(pod, 2), used), {
    code: 'forbidden',
    message: 'exceeded quota of band batch: cpus: asked 4, used 2, limit 4; pods: asked 2, used 1, limit 2',
  });
  assert.throws(() => refuseOverQuota({ memoryBytes: 9 * GiB }, 'free', askedBy(pod), used), {
    message: 'exceeded quota of band free: memory: asked 1.0 GiB, used 9.0 GiB, limit 9.0 GiB',
  });
});

test('who asks for nothing more of what is exceeded is not refused for it', () => {
  refuseOverQuota(
    { cpus: 1 },
    'batch',
    { cpus: 0, memoryBytes: 1, pods: 1 },
    { cpus: 5, memoryBytes: 0, pods: 3 },
  );
});
