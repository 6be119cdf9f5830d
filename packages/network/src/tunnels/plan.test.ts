import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DevicePeer, DeviceState } from './device.ts';
import { planDevice, planRoutes } from './plan.ts';

const peer = (key: string, ...blocks: string[]): DevicePeer => ({
  key,
  endpoint: `192.0.2.1:${key.length}`,
  blocks,
});
const seen: DeviceState = {
  privateKey: 'own',
  port: 51820,
  peers: [peer('a', '10.1.0.0/22'), peer('bb', '10.1.4.0/22')],
};

test('what is as wanted is left alone, in whatever order it is told', () => {
  const peers = [peer('bb', '10.1.4.0/22'), peer('a', '10.1.0.0/22')];
  assert.equal(planDevice(seen, { privateKey: 'own', peers }), undefined);
});

test('only what differs is told', () => {
  const moved = { ...peer('a', '10.1.0.0/22'), endpoint: '192.0.2.9:1' };
  assert.deepEqual(planDevice(seen, { privateKey: 'own', peers: [moved, peer('c', '10.1.8.0/22')] }), {
    set: [moved, peer('c', '10.1.8.0/22')],
    remove: ['bb'],
  });
  const fresh = { privateKey: '', port: 0, peers: [] };
  assert.deepEqual(planDevice(fresh, { privateKey: 'own', peers: [] }), {
    privateKey: 'own',
    set: [],
    remove: [],
  });
});

test('a block that goes from one host to another is both told', () => {
  const peers = [peer('a', '10.1.0.0/22', '10.1.4.0/22'), peer('bb', '10.1.8.0/22')];
  assert.deepEqual(planDevice(seen, { privateKey: 'own', peers }), { set: peers, remove: [] });
});

test('routes follow the blocks', () => {
  assert.deepEqual(planRoutes(['10.1.0.0/22', '10.1.4.0/22'], ['10.1.4.0/22', '10.1.0.9/32'], 'wg0'), [
    'route replace 10.1.0.9/32 dev wg0 metric 100',
    'route del 10.1.0.0/22 dev wg0 metric 100',
  ]);
});
