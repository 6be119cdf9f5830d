import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '@kraud/base';
import { sampleContainer, samplePod } from '@kraud/macro/samples';
import { containerBody, disksOf, podBody, resourcesBody } from './bodies.ts';

const given = { logBufferBytes: 1 << 20, sysctls: {} };
const body = (more: Parameters<typeof sampleContainer>[0]) => {
  const container = sampleContainer(more);
  const pod = samplePod('p', { spec: { containers: [container] } });
  return containerBody(container, disksOf(pod), given);
};

test('a guest is not told what goes without saying', () => {
  const plain = body({ tty: false, user: '', env: [], resources: {} });
  for (const name of ['tty', 'rows', 'cols', 'user', 'env', 'mounts', 'sysctls', 'devices', 'resources'])
    assert.ok(!(name in plain), name);
  assert.equal(plain.logBufferBytes, 1 << 20);
  const told = body({ user: '7:8', env: ['A='], resources: { memoryBytes: 5, pidsMax: 0 } });
  assert.equal(told.user, '7:8');
  assert.deepEqual(told.env, ['A=']);
  assert.deepEqual(told.resources, { memoryBytes: 5 });
});

test('a terminal without a size has none, and not the 24 by 80 of one that nobody speaks of', () => {
  const { tty, rows, cols } = body({ tty: true });
  assert.deepEqual({ tty, rows, cols }, { tty: true, rows: 0, cols: 0 });
});

test('an update clears a limit by its zero', () => {
  assert.equal(resourcesBody({ memoryBytes: 0 }).memoryBytes, 0);
  assert.equal(resourcesBody({}).pidsMax, 0);
});

test('a pod without a network has its interface taken away', () => {
  const pod = samplePod('p');
  const random = new SeededRandom(1);
  const told = podBody(pod, {
    disks: disksOf(pod),
    roles: [],
    imageFormat: 'erofs',
    reservation: undefined,
    nowMs: 1,
    random,
  });
  assert.equal(told.network, null);
  assert.ok(told.disks.some(({ at }) => at === 'writable'));
});
