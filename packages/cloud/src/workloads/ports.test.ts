import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PublishedPort, Workload } from '@kraud/macro';
import { settlePorts } from './ports.ts';

const ingress = (hostPort: number, podPort = 80): PublishedPort => ({
  protocol: 'tcp',
  podPort,
  hostIp: '',
  hostPort,
  mode: 'ingress',
});

const holding = (...ports: PublishedPort[]): Workload =>
  ({
    meta: { uid: 'a'.repeat(64), name: 'other', createdAt: '2023-11-14T22:13:20.000Z' },
    spec: { template: { spec: { ports } } },
  }) as unknown as Workload;

const hostPorts = (ports: readonly PublishedPort[]): number[] => ports.map(({ hostPort }) => hostPort);

test('an open ingress port gets the lowest free one, each its own', () => {
  const settled = settlePorts([ingress(0), ingress(0, 81)], [holding(ingress(30_000))], []);
  assert.deepEqual(hostPorts(settled), [30_001, 30_002]);
});

test('what was chosen before is kept', () => {
  assert.deepEqual(hostPorts(settlePorts([ingress(0)], [], [ingress(30_007)])), [30_007]);
});

test('a port of another workload is refused, with its name', () => {
  assert.throws(() => settlePorts([ingress(8080)], [holding(ingress(8080))], []), /8080.*'other'/);
  const udp = { ...ingress(8080), protocol: 'udp' as const };
  assert.deepEqual(hostPorts(settlePorts([udp], [holding(ingress(8080))], [])), [8080]);
});

test('a port that is asked for by number is not given to one that is open, wherever it stands', () => {
  const before = [ingress(5005), ingress(30_000)];
  assert.deepEqual(hostPorts(settlePorts([ingress(0), ingress(5005)], [], before)), [30_000, 5005]);
  assert.deepEqual(hostPorts(settlePorts([ingress(0), ingress(30_000)], [], [])), [30_001, 30_000]);
});

test('a port twice is refused', () => {
  assert.throws(() => settlePorts([ingress(8080), ingress(8080, 81)], [], []), /duplicate published ports/);
});

test('host ports are left alone', () => {
  const host = { ...ingress(0), mode: 'host' as const };
  assert.deepEqual(settlePorts([host], [], []), [host]);
});
