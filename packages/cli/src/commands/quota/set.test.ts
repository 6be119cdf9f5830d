import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLimits } from './set.ts';

test('limits as they are typed', () => {
  assert.deepEqual(parseLimits({ cpus: '4.5', memory: '8g', pods: '10' }), {
    cpus: 4.5,
    memoryBytes: 8 * 1024 ** 3,
    pods: 10,
  });
  assert.deepEqual(parseLimits({}), {});
  for (const wrong of [{ cpus: '-1' }, { cpus: 'many' }, { memory: 'much' }, { pods: '1.5' }])
    assert.throws(() => parseLimits(wrong), { code: 'invalid' });
});
