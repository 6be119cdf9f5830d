import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundPath } from './bound.ts';

test('a volume may stand for a host directory; other mounts are refused by name', () => {
  assert.equal(boundPath({}), undefined);
  assert.equal(boundPath({ size: '1g' }), undefined);
  assert.deepEqual(boundPath({ type: 'none', o: 'bind', device: '/srv//data' }), {
    path: '/srv/data',
    readOnly: false,
  });
  assert.deepEqual(boundPath({ o: 'rbind,ro', device: '/srv' }), { path: '/srv', readOnly: true });
  for (const [options, message] of [
    [{ type: 'nfs', o: 'addr=10.0.0.1,rw', device: ':/x' }, /type=nfs/],
    [{ device: '/srv' }, /missing required option: "type"/],
    [{ type: 'tmpfs' }, /missing required option: "device"/],
    [{ device: '/srv', o: 'ro', type: 'none' }, /device=\/srv, o=ro is not supported/],
    [{ type: 'none', o: 'bind,uid=5', device: '/srv' }, /uid=5/],
    [{ type: 'none', o: 'bind', device: 'srv' }, /must be an absolute path/],
  ] as const) {
    assert.throws(() => boundPath(options), { message });
  }
});
