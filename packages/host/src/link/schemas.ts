import { PodNetwork } from '@kraud/macro';
import { Type } from 'typebox';

/** What goes between hosts, as `HostApi` has it, in JSON. */

const uid = Type.String({ maxLength: 128 });
const container = Type.String({ maxLength: 256 });
const path = Type.String({ maxLength: 8192 });
const integer = Type.Integer();
const strings = Type.Array(Type.String());
const stringMap = Type.Record(Type.String(), Type.String());
export const nothing = Type.Null();
export const imageId = Type.String({ pattern: '^sha256:[0-9a-f]{64}$' });

export const OfContainer = Type.Tuple([uid, container]);
export const OfPath = Type.Tuple([uid, container, path]);
export const OfPort = Type.Tuple([uid, Type.Integer({ minimum: 1, maximum: 65_535 })]);

export const TerminalSize = Type.Object({
  rows: Type.Integer({ minimum: 0, maximum: 65_535 }),
  cols: Type.Integer({ minimum: 0, maximum: 65_535 }),
});
export const Resize = Type.Tuple([uid, container, TerminalSize]);
export const Kill = Type.Tuple([uid, container, Type.Integer({ minimum: 0, maximum: 64 })]);
export const Update = Type.Tuple([uid, container, Type.Record(Type.String(), Type.Unknown())]);
export const Rejoin = Type.Tuple([uid, container, Type.Array(PodNetwork)]);

/** Nanoseconds as text: JSON's numbers are too short for them. */
const nanoseconds = Type.String({ pattern: '^-?[0-9]{1,20}$' });
export const Output = Type.Tuple([
  uid,
  container,
  Type.Object({
    stdout: Type.Boolean(),
    stderr: Type.Boolean(),
    from: Type.Union([Type.Literal('start'), Type.Literal('end'), Type.Integer({ minimum: 0 })]),
    sinceNs: Type.Optional(nanoseconds),
    untilNs: Type.Optional(nanoseconds),
    follow: Type.Union([Type.Literal('no'), Type.Literal('run')]),
    run: Type.Optional(Type.Integer({ minimum: 0 })),
    chunks: Type.Optional(Type.Boolean()),
  }),
]);

export const Exec = Type.Tuple([
  uid,
  container,
  Type.Object({
    args: strings,
    env: strings,
    cwd: Type.String(),
    user: Type.String(),
    groups: Type.Optional(strings),
    tty: Type.Boolean(),
    stdin: Type.Boolean(),
    privileged: Type.Boolean(),
    size: Type.Optional(TerminalSize),
  }),
]);
export const Exit = Type.Object({ code: integer });
/** `id` is the serving host's, for resizes. */
export const ExecStarted = Type.Object({ pid: integer, id: Type.String({ maxLength: 64 }) });
export const ExecResize = Type.Tuple([Type.String({ maxLength: 64 }), TerminalSize]);

const number = Type.Number();
export const Stats = Type.Object({
  readAtMs: number,
  cpuNs: number,
  cpuUserNs: number,
  cpuSystemNs: number,
  systemCpuNs: number,
  onlineCpus: number,
  memoryBytes: number,
  memoryMaxBytes: number,
  memoryStats: Type.Record(Type.String(), number),
  pids: number,
  pidsMax: number,
  block: Type.Object({ readBytes: number, writeBytes: number, readOps: number, writeOps: number }),
  network: Type.Array(
    Type.Object({
      name: Type.String(),
      rxBytes: number,
      rxPackets: number,
      rxErrors: number,
      rxDropped: number,
      txBytes: number,
      txPackets: number,
      txErrors: number,
      txDropped: number,
    }),
  ),
});

export const Processes = Type.Array(
  Type.Object({
    pid: integer,
    ppid: integer,
    uid: integer,
    user: Type.String(),
    state: Type.String(),
    startNs: nanoseconds,
    cpuNs: number,
    tty: Type.String(),
    vszBytes: number,
    rssBytes: number,
    args: Type.String(),
  }),
);

export const Changes = Type.Array(
  Type.Object({
    path: Type.String(),
    kind: Type.Union([Type.Literal('modified'), Type.Literal('added'), Type.Literal('deleted')]),
  }),
);
export const PathStat = Type.Object({
  name: Type.String(),
  sizeBytes: number,
  mode: integer,
  mtime: Type.String(),
  linkTarget: Type.String(),
});
export const ArchivePut = Type.Tuple([
  uid,
  container,
  path,
  Type.Object({ noOverwriteDirNonDir: Type.Boolean(), copyUidGid: Type.Boolean() }),
]);
export const Size = Type.Object({ writableBytes: number, rootBytes: number });

const ImageConfig = Type.Object({
  user: Type.Optional(Type.String()),
  exposedPorts: Type.Optional(strings),
  env: Type.Optional(strings),
  entrypoint: Type.Optional(strings),
  cmd: Type.Optional(strings),
  volumes: Type.Optional(strings),
  workingDir: Type.Optional(Type.String()),
  labels: Type.Optional(stringMap),
  stopSignal: Type.Optional(Type.String()),
  shell: Type.Optional(strings),
  onBuild: Type.Optional(strings),
  healthcheck: Type.Optional(
    Type.Object({
      test: strings,
      intervalNs: Type.Optional(number),
      timeoutNs: Type.Optional(number),
      startPeriodNs: Type.Optional(number),
      startIntervalNs: Type.Optional(number),
      retries: Type.Optional(number),
    }),
  ),
});
export const Commit = Type.Tuple([
  uid,
  container,
  Type.Object({
    pause: Type.Boolean(),
    author: Type.String(),
    message: Type.String(),
    changes: strings,
    config: Type.Optional(ImageConfig),
  }),
]);

export const ImageFacts = Type.Object({
  id: imageId,
  createdAt: Type.String(),
  author: Type.String(),
  comment: Type.String(),
  architecture: Type.String(),
  variant: Type.String(),
  os: Type.String(),
  parentId: Type.String(),
  config: ImageConfig,
  diffIds: strings,
  sizeBytes: number,
  history: Type.Array(
    Type.Object({
      createdAt: Type.String(),
      createdBy: Type.String(),
      comment: Type.String(),
      emptyLayer: Type.Boolean(),
      sizeBytes: number,
    }),
  ),
});
const Auth = Type.Object({
  username: Type.Optional(Type.String()),
  password: Type.Optional(Type.String()),
  identityToken: Type.Optional(Type.String()),
  registryToken: Type.Optional(Type.String()),
});
export const OfImage = Type.Tuple([imageId]);
export const Pull = Type.Tuple([
  Type.String(),
  Type.Object({ platform: Type.Optional(Type.String()), auth: Type.Optional(Auth) }),
]);
export const Manifest = Type.Object({
  base64: Type.String(),
  mediaType: Type.String(),
  parent: Type.Optional(imageId),
});
export const Blob = Type.Tuple([imageId, Type.Integer({ minimum: 0 })]);
export const Pulled = Type.Object({ id: imageId, digest: Type.String(), alreadyPresent: Type.Boolean() });
export const Push = Type.Tuple([imageId, Type.String(), Type.Object({ auth: Type.Optional(Auth) })]);
export const Pushed = Type.Object({ digest: Type.String(), sizeBytes: number });
export const Note = Type.Record(Type.String(), Type.Unknown());
export const NamedImages = Type.Array(Type.Object({ id: imageId, names: strings }));
export const Import = Type.Tuple([
  Type.Object({ changes: strings, message: Type.String(), platform: Type.Optional(Type.String()) }),
]);
export const ImagesUsage = Type.Object({
  layersBytes: number,
  images: Type.Record(Type.String(), Type.Object({ sizeBytes: number, sharedBytes: number })),
});
export const Load = Type.Tuple([Type.Object({ platform: Type.Optional(Type.String()) })]);
/** A registry or a name at one, and who asks. */
export const AtRegistry = Type.Tuple([Type.String(), Auth]);
export const RemoteImage = Type.Object({
  mediaType: Type.String(),
  digest: Type.String(),
  sizeBytes: number,
  platforms: Type.Array(
    Type.Object({ os: Type.String(), architecture: Type.String(), variant: Type.Optional(Type.String()) }),
  ),
});

const VolumeKey = Type.Object({ tenant: Type.String(), name: Type.String() });
export const OfVolume = Type.Tuple([VolumeKey]);
export const VolumeCreate = Type.Tuple([VolumeKey, Type.Object({ sizeBytes: number })]);

export const Facts = Type.Object({
  hostname: Type.String(),
  cpus: number,
  memoryBytes: number,
  kernel: Type.String(),
  guestKernel: Type.String(),
  operatingSystem: Type.String(),
  osVersion: Type.String(),
  architecture: Type.String(),
  accelerator: Type.Object({
    kind: Type.Union([Type.Literal('kvm'), Type.Literal('tcg')]),
    reason: Type.String(),
  }),
  vmm: Type.String(),
  dataDir: Type.String(),
  slots: Type.Object({
    warm: number,
    running: number,
    warmMax: number,
    moulds: Type.Optional(number),
    asleep: Type.Optional(number),
  }),
  warnings: strings,
});
