import type { Random } from '@kraud/base';
import { anywhere, type Band, bands, type Host, type Placement, type Pod } from '../model/index.ts';
import { sampleMeta, samplePod } from '../model/samples.ts';

const gib = 1024 ** 3;
/** Pods of one app are replicas of each other. */
const apps = 6;

/** Chance in words: one of several things, or a share of cases. */
export function pick<T>(random: Random, items: readonly T[]): T | undefined {
  return items[random.below(items.length)];
}

export function oneIn(random: Random, cases: number): boolean {
  return random.below(cases) === 0;
}

export function drawHost(random: Random, index: number): Host {
  const cpus = pick(random, [4, 8, 16]) ?? 4;
  return {
    kind: 'Host',
    meta: sampleMeta('Host', `h${index}`, {
      uid: drawUid(random),
      labels: {
        'kr.zone': `z${index % 3}`,
        'kr.rack': `r${index % 5}`,
        disk: oneIn(random, 2) ? 'ssd' : 'hdd',
      },
    }),
    spec: { cordoned: false },
    status: {
      ready: true,
      cpus,
      memoryBytes: cpus * 2 * gib,
      architecture: 'x86_64',
      kernel: '6.1',
      operatingSystem: 'Linux',
      accelerator: { kind: 'kvm', reason: 'a model' },
      heartbeatAt: new Date(0).toISOString(),
    },
    given: {},
  };
}

export function drawPod(random: Random, index: number): Pod {
  const app = `app${random.below(apps)}`;
  const owned = oneIn(random, 2);
  const name = `p${index}`;
  return samplePod(name, {
    meta: {
      uid: drawUid(random),
      labels: { app },
      ...(owned ? { owner: { kind: 'Workload', uid: app, name: app } } : {}),
    },
    spec: {
      networks: [],
      ports: oneIn(random, 8)
        ? [{ protocol: 'tcp', podPort: 80, hostIp: '', hostPort: 80 + random.below(3) }]
        : [],
      restart: { name: oneIn(random, 3) ? 'no' : 'always', retriesMax: 0 },
      memoryMiB: 512,
      run: { wanted: 'running', serial: 1, stoppedByUser: false },
      placement: drawPlacement(random, app),
    },
  });
}

function drawPlacement(random: Random, app: string): Placement {
  const cpus = pick(random, [0.25, 0.5, 1, 2, 4]) ?? 1;
  const labels = { app };
  const topology = pick(random, ['kr.host', 'kr.zone']) ?? 'kr.host';
  return {
    ...anywhere,
    band: drawBand(random),
    requests: { cpus, memoryBytes: cpus * (1 + random.below(3)) * gib },
    constraints: oneIn(random, 5) ? [{ key: 'disk', op: 'in', values: ['ssd'] }] : [],
    prefer: oneIn(random, 5)
      ? [{ constraint: { key: 'kr.zone', op: 'in', values: ['z1'] }, weight: 50 }]
      : [],
    tolerations: oneIn(random, 4) ? [{ key: 'broken' }] : [],
    far: oneIn(random, 8) ? [{ labels, topology, required: true, weight: 1 }] : [],
    near: oneIn(random, 12) ? [{ labels, topology: 'kr.zone', required: true, weight: 1 }] : [],
    spread: oneIn(random, 10)
      ? [{ labels, topology: 'kr.zone', maxSkew: 1 + random.below(2), required: true }]
      : [],
    ...(oneIn(random, 8) ? { perHostMax: 1 + random.below(2) } : {}),
  };
}

function drawBand(random: Random): Band {
  return (
    pick(random, [
      ...bands.slice(0, 3),
      'batch',
      'production',
      ...(oneIn(random, 6) ? (['system'] as const) : []),
    ]) ?? 'free'
  );
}

function drawUid(random: Random): string {
  return random.bytes(32).toString('hex');
}
