import { SeededRandom } from '@kraud/base';
import { anywhere, type Host, type Placement, type Pod } from '@kraud/macro';
import { sampleContainer, sampleMeta, samplePod } from '@kraud/macro/samples';

const gib = 1024 ** 3;
const zones = 5;
const hostsPerRack = 40;
const replicasPerOwner = 20;
/** Share of all room that is asked for. */
const fill = 0.75;

const hostSizes = [
  { cpus: 8, memoryBytes: 32 * gib },
  { cpus: 16, memoryBytes: 64 * gib },
  { cpus: 16, memoryBytes: 128 * gib },
  { cpus: 32, memoryBytes: 128 * gib },
];
/** Relative CPUs and GiB, and how many of a hundred ask for so much. */
const podSizes = [
  { cpus: 0.25, gib: 0.5, of100: 40 },
  { cpus: 0.5, gib: 2, of100: 25 },
  { cpus: 1, gib: 4, of100: 20 },
  { cpus: 2, gib: 6, of100: 10 },
  { cpus: 4, gib: 16, of100: 5 },
];

export interface World {
  readonly hosts: readonly Host[];
  readonly pods: readonly Pod[];
}

/** A fleet of mixed hosts, and pods of mixed sizes and wishes that want most of its room. The same for the same seed. */
export function makeWorld(hostCount: number, podCount: number, seed: number): World {
  const random = new SeededRandom(seed);
  const uid = (): string => random.bytes(32).toString('hex');
  const hosts = Array.from({ length: hostCount }, (_, i) => makeHost(`h${i}`, uid(), i, random));
  const capacity = hosts.reduce((sum, host) => sum + host.status.cpus, 0);
  const mean = podSizes.reduce((sum, { cpus, of100 }) => sum + (cpus * of100) / 100, 0);
  const scale = (capacity * fill) / podCount / mean;
  const pods: Pod[] = [];
  for (let owner = 0; pods.length < podCount; owner += 1) {
    const ownerUid = uid();
    const placement = makePlacement(random, scale, `app-${owner}`);
    for (let i = 0; i < replicasPerOwner && pods.length < podCount; i += 1)
      pods.push(makePod(`app-${owner}-${i}`, uid(), ownerUid, `app-${owner}`, placement));
  }
  return { hosts, pods: shuffled(pods, random) };
}

function makeHost(name: string, uid: string, index: number, random: SeededRandom): Host {
  const size = hostSizes[random.below(hostSizes.length)] ?? { cpus: 8, memoryBytes: gib };
  const rack = Math.floor(index / hostsPerRack);
  const labels: Record<string, string> = { 'kr.zone': `z${rack % zones}`, 'kr.rack': `r${rack}` };
  if (random.below(2) === 0) labels.disk = 'ssd';
  const taints = random.below(20) === 0 ? [{ key: 'gpu', value: '', effect: 'no-schedule' as const }] : [];
  return {
    kind: 'Host',
    meta: { ...sampleMeta('Host', name, { uid, labels }) },
    spec: { cordoned: false, taints },
    status: {
      ready: true,
      ...size,
      architecture: 'x86_64',
      kernel: '6.1',
      operatingSystem: 'Linux',
      accelerator: { kind: 'kvm', reason: 'a model' },
      heartbeatAt: '2026-01-01T00:00:00.000Z',
    },
    given: {},
  };
}

/** Of a hundred workloads 20 want an SSD, 10 a zone, 5 tolerate the taint, 5 keep apart by host, 5 spread over zones. */
function makePlacement(random: SeededRandom, scale: number, app: string): Placement {
  let draw = random.below(100);
  const size = podSizes.find(({ of100 }) => {
    draw -= of100;
    return draw < 0;
  }) ?? { cpus: 1, gib: 1 };
  const wish = random.below(100);
  const labels = { app };
  return {
    ...anywhere,
    band: random.below(10) < 7 ? 'production' : 'batch',
    requests: {
      cpus: Math.ceil(size.cpus * scale * 1000) / 1000,
      memoryBytes: Math.ceil(size.gib * scale * gib),
    },
    constraints: [
      ...(wish < 20 ? [{ key: 'disk', op: 'in' as const, values: ['ssd'] }] : []),
      ...(wish >= 20 && wish < 30
        ? [{ key: 'kr.zone', op: 'in' as const, values: [`z${wish % zones}`] }]
        : []),
    ],
    tolerations: wish >= 30 && wish < 35 ? [{ key: 'gpu' }] : [],
    far: wish >= 35 && wish < 40 ? [{ labels, topology: 'kr.host', required: true, weight: 1 }] : [],
    spread: wish >= 40 && wish < 45 ? [{ labels, topology: 'kr.zone', maxSkew: 2, required: true }] : [],
    prefer:
      wish >= 45 && wish < 55 ? [{ constraint: { key: 'disk', op: 'in', values: ['ssd'] }, weight: 5 }] : [],
  };
}

function makePod(name: string, uid: string, owner: string, app: string, placement: Placement): Pod {
  return samplePod(name, {
    meta: { uid, labels: { app }, revision: 1, owner: { kind: 'Workload', uid: owner, name: app } },
    spec: {
      containers: [container],
      networks: [],
      writableBytes: gib,
      run: { wanted: 'running', serial: 1, stoppedByUser: false },
      placement: structuredClone(placement),
    },
  });
}

/** One for all: the model is about places, and there are many pods. */
const container = sampleContainer();

function shuffled<T>(items: readonly T[], random: SeededRandom): T[] {
  const all = [...items];
  for (let i = all.length - 1; i > 0; i -= 1) {
    const j = random.below(i + 1);
    const [a, b] = [all[i], all[j]];
    if (a !== undefined && b !== undefined) [all[i], all[j]] = [b, a];
  }
  return all;
}
