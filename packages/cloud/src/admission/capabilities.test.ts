import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capabilityNames, defaultCapabilities, resolveCapabilities } from './capabilities.ts';

const sorted = (names: readonly string[]): string[] => [...names].sort();

test('nothing asked gives the default set', () => {
  assert.deepEqual(sorted(resolveCapabilities([], [], false)), sorted(defaultCapabilities));
});

test('drop ALL, add one', () => {
  assert.deepEqual(resolveCapabilities(['cap_net_admin'], ['all'], false), ['NET_ADMIN']);
});

test('add ALL, drop one', () => {
  const result = resolveCapabilities(['ALL'], ['SYS_TIME'], false);
  assert.equal(result.length, capabilityNames.length - 1);
  assert.ok(!result.includes('SYS_TIME'));
});

test('privileged has everything', () => {
  assert.equal(resolveCapabilities([], ['ALL'], true).length, capabilityNames.length);
});

test('an unknown name is refused', () => {
  assert.throws(() => resolveCapabilities(['FLY'], [], false), { code: 'invalid', message: /FLY/ });
});
