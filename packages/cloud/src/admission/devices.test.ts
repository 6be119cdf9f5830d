import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveDevices } from './devices.ts';

test('devices that the guest’s kernel has, where they are wanted', () => {
  assert.deepEqual(
    resolveDevices([
      { source: '/dev/net/tun', target: '' },
      { source: '/dev/zero', target: '/dev/x/../nulo' },
    ]),
    [
      { source: '/dev/net/tun', target: '/dev/net/tun' },
      { source: '/dev/zero', target: '/dev/nulo' },
    ],
  );
});

for (const [source, target] of [
  ['/dev/sda', '/dev/sda'],
  ['/dev/fuse', '/etc/fuse'],
  ['/dev/fuse', '/dev/../etc/fuse'],
  ['/dev/fuse', '/dev/'],
] as const) {
  test(`${source} at ${target} is refused by name`, () => {
    assert.throws(() => resolveDevices([{ source, target }]), { code: 'unsupported' });
  });
}
