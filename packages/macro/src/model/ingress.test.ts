import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freeIngressPort, ingressOwner } from './ingress.ts';
import type { PublishedPort } from './pod.ts';
import type { Workload } from './workload.ts';

function workload(uid: string, createdAt: string, ports: Partial<PublishedPort>[]): Workload {
  const full = ports.map((port) => ({ protocol: 'tcp', podPort: 80, hostIp: '', hostPort: 0, ...port }));
  return { meta: { uid, createdAt }, spec: { template: { spec: { ports: full } } } } as Workload;
}

const tcp = (hostPort: number) => ({ protocol: 'tcp' as const, hostPort });

test('an ingress port is the one that asked first; ports of single hosts do not count', () => {
  const all = [
    workload('late', '2026-01-02', [{ ...tcp(80), mode: 'ingress' }]),
    workload('early', '2026-01-01', [{ ...tcp(80), mode: 'ingress' }]),
    workload('host', '2025-01-01', [tcp(80), { ...tcp(81), mode: 'host' }]),
  ];
  assert.equal(ingressOwner(tcp(80), all)?.meta.uid, 'early');
  assert.equal(ingressOwner(tcp(80), all, 'early')?.meta.uid, 'late');
  assert.equal(ingressOwner(tcp(81), all), undefined);
  assert.equal(ingressOwner({ protocol: 'udp', hostPort: 80 }, all), undefined);
});

test('a free port is chosen from the range, protocol by protocol, until there is none', () => {
  const ports = Array.from({ length: 2768 }, (_, n) => ({ ...tcp(30_000 + n), mode: 'ingress' as const }));
  assert.equal(freeIngressPort('tcp', [workload('a', '', ports.slice(0, 2))]), 30_002);
  assert.equal(freeIngressPort('udp', [workload('a', '', ports)]), 30_000);
  assert.equal(freeIngressPort('tcp', [workload('a', '', ports)]), undefined);
});
