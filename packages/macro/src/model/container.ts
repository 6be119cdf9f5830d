import { type Static, Type } from 'typebox';

const Bytes = Type.Integer({ minimum: 0 });

/** cgroup limits of one container inside its VM; 0 or absent means none. */
export const Resources = Type.Object({
  memoryBytes: Type.Optional(Bytes),
  memorySwapBytes: Type.Optional(Type.Integer({ minimum: -1 })),
  memoryReservationBytes: Type.Optional(Bytes),
  /** -1: none, said by name. */
  cpuQuotaUs: Type.Optional(Type.Integer({ minimum: -1 })),
  cpuPeriodUs: Type.Optional(Type.Integer({ minimum: 0 })),
  cpuShares: Type.Optional(Type.Integer({ minimum: 0 })),
  cpuset: Type.Optional(Type.String()),
  pidsMax: Type.Optional(Type.Integer({ minimum: 0 })),
  oomScoreAdj: Type.Optional(Type.Integer({ minimum: -1000, maximum: 1000 })),
  oomKillDisable: Type.Optional(Type.Boolean()),
});
export type Resources = Static<typeof Resources>;

/**
 * One thing mounted in a container.
 * `volume`: a Volume resource by name; `host`: a path of the host, shared live; `socket`: a unix socket of the
 * host (the daemon's own), answered by the guest agent; `tmpfs`: memory; `file`: one file out of the store.
 */
export const Mount = Type.Union([
  Type.Object({
    type: Type.Literal('volume'),
    volume: Type.String(),
    target: Type.String(),
    readOnly: Type.Boolean(),
    /** First use of an empty volume copies the image's content at `target`. */
    copyUp: Type.Boolean(),
    subpath: Type.Optional(Type.String()),
    /** Made for this container alone without a name; `rm -v` and `--rm` remove it. */
    anonymous: Type.Boolean(),
  }),
  Type.Object({
    type: Type.Literal('host'),
    /** The volume that stands for the path, if it was asked for by that. */
    volume: Type.Optional(Type.String()),
    source: Type.String(),
    target: Type.String(),
    readOnly: Type.Boolean(),
  }),
  Type.Object({ type: Type.Literal('socket'), source: Type.String(), target: Type.String() }),
  Type.Object({
    type: Type.Literal('tmpfs'),
    target: Type.String(),
    options: Type.String(),
    /** The volume that it is. */
    volume: Type.Optional(Type.String()),
  }),
  /** The content of a Secret or Config of the pod's tenant and namespace, in memory. */
  Type.Object({
    type: Type.Literal('file'),
    source: Type.Union([Type.Literal('Secret'), Type.Literal('Config')]),
    name: Type.String(),
    target: Type.String(),
    uid: Type.Integer({ minimum: 0 }),
    gid: Type.Integer({ minimum: 0 }),
    mode: Type.Integer({ minimum: 0, maximum: 0o7777 }),
  }),
]);
export type Mount = Static<typeof Mount>;

/** How a container's health is asked. Times in milliseconds. */
export const HealthCheck = Type.Object({
  /** As Docker: `['CMD', …]` or `['CMD-SHELL', line]`. */
  test: Type.Array(Type.String(), { minItems: 1 }),
  intervalMs: Type.Integer({ minimum: 1 }),
  timeoutMs: Type.Integer({ minimum: 1 }),
  startPeriodMs: Type.Integer({ minimum: 0 }),
  startIntervalMs: Type.Integer({ minimum: 1 }),
  retries: Type.Integer({ minimum: 1 }),
});
export type HealthCheck = Static<typeof HealthCheck>;

/** Stands for an image that can't be had: no image has this digest. */
export const noImage = `sha256:${'0'.repeat(64)}`;

/** One container of a pod, with the image's defaults already merged in. */
export const Container = Type.Object({
  name: Type.String({ pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$' }),
  image: Type.Object({
    /** As the user wrote it. */
    name: Type.String(),
    /** Digest of the image's config: what really runs, whatever the name means later. */
    id: Type.String({ pattern: '^sha256:[0-9a-f]{64}$' }),
  }),
  args: Type.Array(Type.String(), { minItems: 1 }),
  env: Type.Array(Type.String()),
  cwd: Type.String(),
  user: Type.String(),
  groups: Type.Array(Type.String()),
  tty: Type.Boolean(),
  /** stdin is a pipe (or the tty); otherwise /dev/null. */
  stdin: Type.Boolean(),
  /** stdin closes for good when the first attached client ends. */
  stdinOnce: Type.Boolean(),
  rows: Type.Optional(Type.Integer({ minimum: 0, maximum: 65535 })),
  cols: Type.Optional(Type.Integer({ minimum: 0, maximum: 65535 })),
  /** The agent is PID 1 and reaps. */
  init: Type.Boolean(),
  /** Names without `CAP_`. */
  capabilities: Type.Array(Type.String()),
  privileged: Type.Boolean(),
  noNewPrivileges: Type.Boolean(),
  rlimits: Type.Array(Type.Object({ name: Type.String(), soft: Type.Integer(), hard: Type.Integer() })),
  resources: Resources,
  shmBytes: Bytes,
  /** Character devices of the guest's kernel, below `/dev`. */
  devices: Type.Optional(Type.Array(Type.Object({ source: Type.String(), target: Type.String() }))),
  readOnlyRoot: Type.Boolean(),
  mounts: Type.Array(Mount),
  maskedPaths: Type.Array(Type.String()),
  readonlyPaths: Type.Array(Type.String()),
  health: Type.Optional(HealthCheck),
  stopSignal: Type.Integer({ minimum: 1, maximum: 64 }),
  stopTimeoutMs: Type.Integer({ minimum: -1 }),
  log: Type.Object({
    driver: Type.Union([Type.Literal('json-file'), Type.Literal('local'), Type.Literal('none')]),
    /** Rotate when a file is larger; 0 = never. */
    fileBytesMax: Type.Integer({ minimum: 0 }),
    filesMax: Type.Integer({ minimum: 1 }),
  }),
});
export type Container = Static<typeof Container>;
