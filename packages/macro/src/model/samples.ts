import { createHash } from 'node:crypto';
import type { Container } from './container.ts';
import type { Kind, Kinds } from './kinds.ts';
import type { Meta } from './meta.ts';
import type { Pod, PodSpec, PodStatus } from './pod.ts';

/** Valid resources for tests, named by what is asked for and the same every time. */
export function sampleMeta(kind: Kind, name: string, more: Partial<Meta> = {}): Meta {
  return {
    uid: createHash('sha256').update(`${kind} ${name}`).digest('hex'),
    tenant: 'default',
    namespace: 'default',
    name,
    labels: {},
    annotations: {},
    generation: 1,
    finalizers: [],
    createdAt: '2026-01-02T03:04:05.000Z',
    ...more,
  };
}

export function sampleContainer(more: Partial<Container> = {}): Container {
  return {
    name: 'main',
    image: { name: 'app:1', id: `sha256:${'a'.repeat(64)}` },
    args: ['/bin/app'],
    env: ['PATH=/bin'],
    cwd: '/',
    user: '',
    groups: [],
    tty: false,
    stdin: false,
    stdinOnce: false,
    init: false,
    capabilities: [],
    privileged: false,
    noNewPrivileges: false,
    rlimits: [],
    resources: {},
    shmBytes: 67_108_864,
    readOnlyRoot: false,
    mounts: [],
    maskedPaths: [],
    readonlyPaths: [],
    stopSignal: 15,
    stopTimeoutMs: 10_000,
    log: { driver: 'json-file', fileBytesMax: 0, filesMax: 1 },
    ...more,
  };
}

export function samplePod(
  name: string,
  more: { meta?: Partial<Meta>; spec?: Partial<PodSpec>; status?: Partial<PodStatus> } = {},
): Pod {
  return {
    kind: 'Pod',
    meta: sampleMeta('Pod', name, more.meta),
    spec: {
      containers: [sampleContainer()],
      hostname: name,
      domainname: '',
      networks: [{ name: 'default', aliases: [] }],
      dns: { servers: [], search: [], options: [] },
      extraHosts: [],
      sysctls: {},
      ports: [],
      restart: { name: 'no', retriesMax: 0 },
      autoRemove: false,
      vcpus: 1,
      memoryMiB: 128,
      writableBytes: 1_073_741_824,
      run: { wanted: 'created', serial: 0, stoppedByUser: false },
      ...more.spec,
    },
    status: { phase: 'created', serial: 0, restartCount: 0, containers: [], message: '', ...more.status },
    given: {},
  };
}

/** The pod as its host leaves it after a run that ended. */
export function exitedPod(
  name: string,
  exit: { code: number; startedAt: string; finishedAt: string; serial?: number },
  spec: Partial<PodSpec> = {},
): Pod {
  const serial = exit.serial ?? 1;
  return samplePod(name, {
    spec: { run: { wanted: 'running', serial, stoppedByUser: false }, ...spec },
    status: {
      phase: 'exited',
      serial,
      containers: [
        {
          name: 'main',
          state: 'exited',
          startedAt: exit.startedAt,
          finishedAt: exit.finishedAt,
          exitCode: exit.code,
          oomKilled: false,
          error: '',
        },
      ],
    },
  });
}

export function sampleHost(name: string, more: Partial<Kinds['Host']['status']> = {}): Kinds['Host'] {
  return {
    kind: 'Host',
    meta: sampleMeta('Host', name),
    spec: { cordoned: false },
    status: {
      ready: true,
      cpus: 2,
      memoryBytes: 4 * 1024 ** 3,
      architecture: 'x86_64',
      kernel: '6.1.0',
      operatingSystem: 'Linux',
      accelerator: { kind: 'tcg', reason: 'a sample' },
      heartbeatAt: '2026-01-02T03:04:05.000Z',
      ...more,
    },
    given: {},
  };
}

export function sampleVolume(name: string, more: Partial<Meta> = {}): Kinds['Volume'] {
  return {
    kind: 'Volume',
    meta: sampleMeta('Volume', name, more),
    spec: { driver: 'local', options: {}, sizeBytes: 1024, anonymous: false },
    status: {},
    given: {},
  };
}
