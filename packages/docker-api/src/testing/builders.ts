import type { Image, ImageFacts, ImageView, Network, Pod, PodDraft } from '@kraud/cloud';
import { sampleMeta } from '@kraud/macro/samples';

export const imageId = `sha256:${'a1'.repeat(32)}`;
export const createdAt = '2023-11-14T22:13:20.000Z';

const meta = (name: string, uid: string): Pod['meta'] => sampleMeta('Pod', name, { uid, createdAt });

/** Of every image here. */
const imageEnv = ['PATH=/bin'];

export function buildFacts(overrides: Partial<ImageFacts> = {}): ImageFacts {
  return {
    id: imageId,
    createdAt,
    author: '',
    comment: '',
    architecture: 'amd64',
    variant: '',
    os: 'linux',
    parentId: '',
    config: { cmd: ['sh'], env: imageEnv },
    diffIds: [`sha256:${'d1'.repeat(32)}`],
    sizeBytes: 1_000_000,
    history: [{ createdAt, createdBy: 'import', comment: '', emptyLayer: false, sizeBytes: 1_000_000 }],
    ...overrides,
  };
}

export function buildView(tags: string[], facts: Partial<ImageFacts> = {}): ImageView {
  const whole = buildFacts(facts);
  const image: Image = {
    kind: 'Image',
    meta: meta(whole.id, whole.id.slice(7)),
    spec: { id: whole.id, tags, digests: [] },
    status: { sizeBytes: whole.sizeBytes },
    given: {},
  };
  return { image, facts: whole };
}

export function buildNetwork(name: string, driver: Network['spec']['driver'], uid: string): Network {
  return {
    kind: 'Network',
    meta: meta(name, uid),
    spec: {
      driver,
      internal: false,
      options: {},
      ...(driver === 'vpc' ? { subnet: '172.30.0.0/16', gateway: '172.30.0.1' } : {}),
    },
    status: {},
    given: {},
  };
}

const healthDefaults = {
  test: ['CMD', 'true'],
  intervalMs: 30_000,
  timeoutMs: 30_000,
  startPeriodMs: 0,
  startIntervalMs: 5000,
  retries: 3,
};

/** A pod as the cloud would make it of a draft, without the cloud's policy. */
export function buildPod(draft: PodDraft, uid: string): Pod {
  const want = draft.container;
  return {
    kind: 'Pod',
    meta: {
      ...meta(draft.name || `pod_${uid.slice(0, 4)}`, uid),
      labels: draft.labels,
      annotations: draft.annotations,
    },
    spec: {
      containers: [
        {
          name: 'main',
          image: { name: want.image, id: imageId },
          args: [...(want.command ?? []), ...(want.args ?? ['sh'])],
          env: [...imageEnv, ...(want.env ?? [])],
          cwd: want.cwd ?? '/',
          user: want.user ?? '',
          groups: want.groups ?? [],
          tty: want.tty ?? false,
          stdin: want.stdin ?? false,
          stdinOnce: want.stdinOnce ?? false,
          init: want.init ?? false,
          capabilities: [],
          privileged: want.privileged ?? false,
          noNewPrivileges: want.noNewPrivileges ?? false,
          rlimits: want.rlimits ?? [],
          resources: want.resources ?? {},
          shmBytes: want.shmBytes ?? 67_108_864,
          ...(want.health && want.health !== 'none' ? { health: { ...healthDefaults, ...want.health } } : {}),
          readOnlyRoot: want.readOnlyRoot ?? false,
          mounts: (want.mounts ?? []).map((mount) =>
            mount.type === 'volume'
              ? {
                  type: 'volume' as const,
                  volume: mount.volume || 'anonymous',
                  target: mount.target,
                  readOnly: mount.readOnly,
                  copyUp: mount.copyUp,
                  anonymous: mount.volume === '',
                }
              : mount,
          ),
          maskedPaths: want.maskedPaths ?? [],
          readonlyPaths: want.readonlyPaths ?? [],
          stopSignal: 15,
          stopTimeoutMs: want.stopTimeoutMs ?? 10_000,
          log: { driver: want.log?.driver ?? 'json-file', fileBytesMax: 0, filesMax: 1 },
        },
      ],
      hostname: draft.hostname || uid.slice(0, 12),
      domainname: draft.domainname,
      networks: draft.networks.map(({ ref, links, ...rest }) => ({
        name: ref,
        ...rest,
        ...(links ? { links: links.map((link) => ({ alias: link.alias, to: link.ref })) } : {}),
      })),
      ...(draft.mac ? { mac: draft.mac } : {}),
      dns: draft.dns,
      extraHosts: draft.extraHosts,
      sysctls: draft.sysctls,
      ports: draft.ports,
      restart: draft.restart,
      autoRemove: draft.autoRemove,
      vcpus: 1,
      memoryMiB: 512,
      ...(draft.cpus ? { cpus: draft.cpus } : {}),
      writableBytes: draft.writableBytes ?? 1_000_000,
      run: { wanted: 'created', serial: 0, stoppedByUser: false },
    },
    status: { phase: 'created', serial: 0, restartCount: 0, containers: [], message: '' },
    given: draft.given,
  };
}
