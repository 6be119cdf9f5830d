import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkAddresses, firstOf, isIn, overlap } from './subnets.ts';

test('subnet, gateway and range must fit together', () => {
  checkAddresses({});
  checkAddresses({
    subnet: '10.1.0.0/16',
    gateway: '10.1.0.9',
    range: '10.1.4.0/24',
    reserved: { a: '10.1.0.5' },
  });
  for (const [bad, message] of [
    [{ subnet: '10.1.0.0' }, /CIDR/],
    [{ subnet: '10.1.0.1/16' }, /should be 10.1.0.0\/16/],
    [{ subnet: 'fd00::/64' }, /CIDR/],
    [{ subnet: '10.1.0.0/31' }, /from 8 to 30/],
    [{ subnet: '10.0.0.0/7' }, /should be|from 8 to 30/],
    [{ gateway: '10.1.0.1' }, /no matching subnet for gateway/],
    [{ range: '10.1.0.0/24' }, /no matching subnet for range/],
    [{ subnet: '10.1.0.0/16', gateway: '10.2.0.1' }, /no matching subnet for gateway/],
    [{ subnet: '10.1.0.0/16', gateway: '10.1.0.0' }, /no matching subnet for gateway/],
    [{ subnet: '10.1.0.0/16', gateway: 'x' }, /no matching subnet for gateway/],
    [{ subnet: '10.1.0.0/16', range: '10.2.0.0/24' }, /no matching subnet for range/],
    [{ subnet: '10.1.0.0/16', range: '10.0.0.0/8' }, /no matching subnet for range/],
    [{ subnet: '10.1.0.0/16', reserved: { a: '10.2.0.1' } }, /no matching subnet for aux-address/],
    [{ reserved: { a: '10.2.0.1' } }, /no matching subnet for aux-address/],
  ] as const) {
    assert.throws(() => checkAddresses(bad), { code: 'invalid', message });
  }
});

test('addresses and subnets', () => {
  assert.equal(firstOf('10.1.0.0/16'), '10.1.0.1');
  assert.ok(isIn('10.1.0.0/30', '10.1.0.2'));
  for (const no of ['10.1.0.0', '10.1.0.3', '10.1.0.4', '10.1.0', 'x']) assert.ok(!isIn('10.1.0.0/30', no));
  assert.ok(overlap('10.1.0.0/16', '10.1.4.0/24'));
  assert.ok(!overlap('10.1.0.0/16', '10.2.0.0/16'));
});
