import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEtcdAddress } from './address.ts';

test('addresses by example', () => {
  const table: [string, string[], string][] = [
    ['etcd://h1:2379,h2:2380', ['h1:2379', 'h2:2380'], '/kraud'],
    ['etcd://[::1]/test/1', ['[::1]:2379'], '/test/1'],
    ['etcd://etcd.lan/', ['etcd.lan:2379'], '/kraud'],
  ];
  for (const [address, endpoints, prefix] of table) {
    assert.deepEqual(parseEtcdAddress(address), { endpoints, prefix });
  }
});

for (const address of [
  '',
  'etcd:',
  'etcd://',
  'h1:2379',
  'etcd://h1:0',
  'etcd://h1:x',
  'etcd://h1/a/',
  'etcd://h 1',
]) {
  test(`'${address}' is refused`, () => {
    assert.throws(() => parseEtcdAddress(address), { code: 'invalid' });
  });
}
