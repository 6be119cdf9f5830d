import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Host, Network } from '@kraud/macro';
import { sampleHost } from '@kraud/macro/samples';
import { planTunnel } from './tunnel-plan.ts';

const network = (slices: Record<string, string[]>): Network =>
  ({ spec: {}, status: { slices } }) as unknown as Network;
const host = (name: string, more: Partial<Host['status']> = {}): Host =>
  sampleHost(name, {
    address: `192.0.2.${name.length}:7070`,
    tunnel: { kind: 'kernel', reason: '', ends: { t: { key: `key-${name}`, port: 51_820 } } },
    ...more,
  });
const world = { tenant: 't', here: 'a', strangers: () => [] };
const front = network({ a: ['10.1.0.0/22'], bb: ['10.1.4.0/22', '10.1.12.0/22'], ccc: ['10.1.8.0/22'] });
const back = network({ a: ['10.2.0.0/22'], bb: ['10.2.4.0/22'] });
const away = network({ bb: ['10.3.0.0/22'], dddd: ['10.3.4.0/22'] });

test('a tunnel leads to hosts that share a network, by the blocks of those networks', () => {
  const hosts = [host('a'), host('bb'), host('ccc', { address: '[2001:db8::1]:7070' }), host('dddd')];
  assert.deepEqual(planTunnel({ ...world, networks: [front, back, away], hosts }), [
    {
      key: 'key-bb',
      endpoint: '192.0.2.2:51820',
      blocks: ['10.1.12.0/22', '10.1.4.0/22', '10.2.4.0/22'],
    },
    { key: 'key-ccc', endpoint: '[2001:db8::1]:51820', blocks: ['10.1.8.0/22'] },
  ]);
});

test('none is needed where nobody shares a network, and one without an end is waited for', () => {
  const hosts = [host('a'), host('dddd')];
  assert.equal(planTunnel({ ...world, networks: [front, back, away], hosts }), undefined);
  const silent = sampleHost('bb', { address: '192.0.2.2:7070' });
  assert.deepEqual(planTunnel({ ...world, networks: [front], hosts: [host('a'), silent] }), []);
});

test('an end of another tenant is not this one’s', () => {
  assert.deepEqual(planTunnel({ ...world, tenant: 'u', networks: [front], hosts: [host('bb')] }), []);
});

test('a pod that chose an address of another host is led to by itself', () => {
  const strangers = (name: string): string[] => (name === 'bb' ? ['10.1.0.9'] : []);
  const [peer] = planTunnel({ ...world, networks: [back], hosts: [host('bb')], strangers }) ?? [];
  assert.deepEqual(peer?.blocks, ['10.1.0.9/32', '10.2.4.0/22']);
});
