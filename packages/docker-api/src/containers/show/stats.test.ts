import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StatsSample } from '@kraud/cloud';
import { buildPod } from '../../testing/builders.ts';
import { draftOf } from '../draft/draft.ts';
import { statsBody } from './stats.ts';

/** Read as a client reads it. */
// biome-ignore lint/suspicious/noExplicitAny: JSON that a client looks into
const asClient = (body: object): any => JSON.parse(JSON.stringify(body));

const pod = buildPod(draftOf({ Image: 'app' }, { name: 'x', sockets: [] }).draft, 'a'.repeat(64));
const sample = (readAtMs: number, cpuNs: number, systemCpuNs: number): StatsSample => ({
  readAtMs,
  cpuNs,
  cpuUserNs: cpuNs,
  cpuSystemNs: 0,
  systemCpuNs,
  onlineCpus: 2,
  memoryBytes: 100,
  memoryMaxBytes: 1000,
  memoryStats: { inactive_file: 10 },
  pids: 3,
  pidsMax: 0,
  block: { readBytes: 1, writeBytes: 2, readOps: 3, writeOps: 4 },
  network: [],
});

test('a client computes the share of CPU by Docker’s formula', () => {
  const body = asClient(
    statsBody(pod, sample(2000, 1_500_000_000, 4_000_000_000), sample(1000, 1_000_000_000, 2_000_000_000)),
  );
  const cpu = body.cpu_stats.cpu_usage.total_usage - body.precpu_stats.cpu_usage.total_usage;
  const system = body.cpu_stats.system_cpu_usage - body.precpu_stats.system_cpu_usage;
  assert.equal((cpu / system) * body.cpu_stats.online_cpus * 100, 50);
  assert.equal(body.memory_stats.usage - body.memory_stats.stats.inactive_file, 90);
  assert.deepEqual(body.pids_stats, { current: 3 });
});

test('a container that does not run has zeroes', () => {
  const body = asClient(statsBody(pod, undefined, undefined));
  assert.equal(body.read, '0001-01-01T00:00:00Z');
  assert.equal(body.cpu_stats.cpu_usage.total_usage, 0);
});
