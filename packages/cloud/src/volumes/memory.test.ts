import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundPath } from './bound.ts';
import { memoryOptions } from './memory.ts';

test('a volume may be memory, with the options of a tmpfs', () => {
  for (const [options, expected] of [
    [{}, undefined],
    [{ type: 'none', o: 'bind', device: '/srv' }, undefined],
    [{ type: 'tmpfs', device: 'tmpfs' }, ''],
    [{ type: 'tmpfs', device: 'tmpfs', o: 'size=1m,uid=1000,mode=0700,ro' }, 'size=1m,uid=1000,mode=0700,ro'],
  ] as const) {
    assert.equal(memoryOptions(options), expected);
    if (expected !== undefined) assert.equal(boundPath(options), undefined);
  }
  assert.throws(() => memoryOptions({ type: 'tmpfs', o: 'size=1m,huge=always' }), {
    code: 'unsupported',
    message: /huge=always is not supported/,
  });
});
