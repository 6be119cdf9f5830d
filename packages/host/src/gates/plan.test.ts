import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PublishedPort } from '@kraud/macro';
import { gatesOf, isReady } from './plan.ts';

interface Sample {
  readonly host?: string;
  readonly ports?: Partial<PublishedPort>[];
  readonly bound?: Partial<PublishedPort>[];
  readonly phase?: Pod['status']['phase'];
  readonly wanted?: Pod['spec']['run']['wanted'];
  readonly health?: 'starting' | 'healthy' | 'unhealthy';
  readonly workload?: boolean;
}

const full = (ports: Partial<PublishedPort>[]) =>
  ports.map((port) => ({ protocol: 'tcp', podPort: 80, hostIp: '', hostPort: 8080, ...port }));

/** As much of a pod as gates look at. */
function pod(uid: string, sample: Sample): Pod {
  const { host = 'a', ports = [], bound = [], phase = 'running', wanted = 'running' } = sample;
  const container = { name: 'main', ...(sample.health ? { health: {} } : {}) };
  const status = { name: 'main', ...(sample.health ? { health: { status: sample.health } } : {}) };
  return {
    meta: { uid, createdAt: uid, labels: sample.workload ? { 'kr.workload': 'w' } : {} },
    spec: { host, containers: [container], ports: full(ports), run: { wanted } },
    status: { phase, containers: [status], network: { ports: full(bound) } },
  } as unknown as Pod;
}

const gates = (pods: Pod[], here = 'here') =>
  [...gatesOf(pods, here, (host) => host !== 'lost')].map(([key, { backends }]) => [
    key,
    backends.map(({ uid }) => uid).join(),
  ]);
const ingress = { mode: 'ingress' as const };

test('an ingress port is open on every host, and leads to the pods that are ready', () => {
  const ports = [ingress];
  const pods = [
    pod('1', { host: 'here', ports }),
    pod('2', { ports, health: 'healthy' }),
    pod('3', { ports, health: 'starting' }),
    pod('4', { ports, wanted: 'stopped' }),
    pod('5', { ports, phase: 'starting' }),
    pod('6', { ports, host: 'lost' }),
  ];
  assert.deepEqual(gates(pods), [['tcp :8080', '1,2']]);
  assert.deepEqual(gates([pod('1', { ports, phase: 'starting' })]), [['tcp :8080', '']]);
  assert.deepEqual(gates([pod('1', { ports, wanted: 'stopped' })]), []);
});

test('a port of a pod elsewhere is open here, unless it is a workload’s or of an address of that host', () => {
  assert.deepEqual(gates([pod('1', { bound: [{ hostIp: '0.0.0.0' }, { hostIp: '::' }] })]), [
    ['tcp :8080', '1'],
  ]);
  assert.deepEqual(gates([pod('1', { bound: [{ hostIp: '127.0.0.1' }] })]), [['tcp 127.0.0.1:8080', '1']]);
  assert.deepEqual(gates([pod('1', { bound: [{ hostIp: '10.0.0.1' }] })]), []);
  assert.deepEqual(gates([pod('1', { bound: [{}], workload: true })]), []);
  assert.deepEqual(gates([pod('1', { bound: [{}], host: 'here' })]), []);
  assert.deepEqual(gates([pod('1', { bound: [{}] }), pod('2', { bound: [{}], host: 'b' })]), [
    ['tcp :8080', '1'],
  ]);
});

test('what a pod of this host publishes, or is about to, is its own', () => {
  const elsewhere = pod('1', { bound: [{}, { protocol: 'udp' }] });
  assert.deepEqual(gates([elsewhere, pod('2', { host: 'here', ports: [{}], phase: 'created' })]), [
    ['udp :8080', '1'],
  ]);
  const ended = pod('2', { host: 'here', ports: [{}], phase: 'exited', wanted: 'stopped' });
  assert.equal(gates([elsewhere, ended]).length, 2);
});

test('ready is: wanted, running, and healthy where that is asked', () => {
  assert.equal(isReady(pod('1', {})), true);
  assert.equal(isReady(pod('1', { health: 'unhealthy' })), false);
  assert.equal(isReady(pod('1', { phase: 'paused' })), false);
});
