import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Network, Pod, Workload } from '@kraud/macro';
import { servicesOf } from './plan.ts';

const network = (name: string, virtual?: string): Network =>
  ({
    meta: { name },
    spec: { driver: 'vpc' },
    status: virtual === undefined ? {} : { virtual: { slices: [], addresses: { w: virtual } } },
  }) as unknown as Network;
const networks = [network('front', '10.1.0.240'), network('back'), network('default', '10.3.0.240')];

const workload = (endpoint?: 'virtual' | 'pods', on: string[] = ['front']): Workload =>
  ({
    meta: { uid: 'w', name: 'web', tenant: 't' },
    spec: {
      ...(endpoint ? { endpoint } : {}),
      template: { spec: { networks: on.map((name) => ({ name, aliases: ['www', 'web'] })) } },
    },
  }) as unknown as Workload;

interface Sample {
  readonly host?: string;
  readonly wanted?: Pod['spec']['run']['wanted'];
  readonly health?: 'starting' | 'healthy';
  readonly on?: string;
}

function pod(ipv4: string, { host = 'here', wanted = 'running', health, on = 'front' }: Sample = {}): Pod {
  const container = { name: 'main', ...(health ? { health: {} } : {}) };
  const status = { name: 'main', ...(health ? { health: { status: health } } : {}) };
  return {
    meta: { uid: ipv4, labels: {} },
    spec: { host, containers: [container], run: { wanted } },
    status: {
      phase: wanted === 'running' ? 'running' : 'stopping',
      containers: [status],
      network: { addresses: [{ network: on, ipv4 }] },
    },
  } as unknown as Pod;
}

const services = (of: Workload, pods: Pod[] = []) =>
  servicesOf({
    workload: of,
    pods,
    networkOf: (name) => networks.find(({ meta }) => meta.name === name),
    isReached: (host) => host === 'here',
  });

test('a service leads to the pods that are ready and reached, and knows those that have connections still', () => {
  const pods = [
    pod('10.1.0.5', { health: 'healthy' }),
    pod('10.1.0.4', { health: 'starting' }),
    pod('10.1.0.3', { wanted: 'stopped' }),
    pod('10.1.0.2', { host: 'away' }),
    pod('10.2.0.2', { on: 'back' }),
  ];
  assert.deepEqual(services(workload('virtual'), pods), [
    {
      ...{ tenant: 't', network: 'front', names: ['web', 'www'], virtual: '10.1.0.240' },
      ready: ['10.1.0.5'],
      members: ['10.1.0.3', '10.1.0.4', '10.1.0.5'],
    },
  ]);
  const [{ virtual, ready } = {}] = services(workload('pods'), pods);
  assert.deepEqual([virtual, ready], [undefined, ['10.1.0.5']]);
});

test('there is one for each network with names, and none that nobody asked for', () => {
  const all = services(workload('virtual', ['front', 'back', 'default', 'nosuch']));
  assert.deepEqual(
    all.map((each) => [each.network, each.virtual]),
    [
      ['front', '10.1.0.240'],
      ['back', undefined],
    ],
  );
  assert.deepEqual(services(workload()), []);
});
