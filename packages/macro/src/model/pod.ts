import { type Static, Type } from 'typebox';
import { Container } from './container.ts';
import { Meta } from './meta.ts';
import { Placement } from './placement.ts';

/**
 * A port of the host that leads into the pod. `hostPort` 0 asks for any free one.
 *
 * | mode                | `hostPort` is                                                               |
 * | ------------------- | --------------------------------------------------------------------------- |
 * | `host` (also absent) | a port of the pod's host, and of no other pod there                         |
 * | `ingress`           | a port of every host, never 0, that leads to any ready pod that publishes it |
 */
export const PublishedPort = Type.Object({
  protocol: Type.Union([Type.Literal('tcp'), Type.Literal('udp')]),
  podPort: Type.Integer({ minimum: 1, maximum: 65535 }),
  hostIp: Type.String(),
  hostPort: Type.Integer({ minimum: 0, maximum: 65535 }),
  /** With `hostPort` 0: the free one is among these. */
  among: Type.Optional(
    Type.Object({
      first: Type.Integer({ minimum: 1, maximum: 65535 }),
      last: Type.Integer({ minimum: 1, maximum: 65535 }),
    }),
  ),
  mode: Type.Optional(Type.Union([Type.Literal('host'), Type.Literal('ingress')])),
});
export type PublishedPort = Static<typeof PublishedPort>;

/**
 * Another pod of a network, under a name of one's own. `to` is what it is called there. On the default network, which gives
 * no names, it is the uid of a pod that must run on the same host, and that tells its ports and variables too.
 */
export const PodLink = Type.Object({ alias: Type.String(), to: Type.String() });
export type PodLink = Static<typeof PodLink>;

/** A network that the pod is on. */
export const PodNetwork = Type.Object({
  /** Name of a Network of its tenant and namespace. */
  name: Type.String(),
  /** What the other pods on it may call this one, besides its name. */
  aliases: Type.Array(Type.String()),
  /** A fixed address; otherwise any free one. */
  ipv4: Type.Optional(Type.String()),
  /** What this pod alone calls others on it. */
  links: Type.Optional(Type.Array(PodLink)),
});
export type PodNetwork = Static<typeof PodNetwork>;

/** An address of a pod that runs. */
export const PodAddress = Type.Object({
  network: Type.String(),
  ipv4: Type.String(),
  prefix: Type.Integer(),
  gateway: Type.String(),
});
export type PodAddress = Static<typeof PodAddress>;

export const RestartPolicy = Type.Object({
  name: Type.Union([
    Type.Literal('no'),
    Type.Literal('always'),
    Type.Literal('unless-stopped'),
    Type.Literal('on-failure'),
  ]),
  /** Only for `on-failure`; 0 = no limit. */
  retriesMax: Type.Integer({ minimum: 0 }),
});
export type RestartPolicy = Static<typeof RestartPolicy>;

/**
 * What is wanted of a pod: one microVM with its containers.
 *
 * `run` is the switch. Every start raises `serial`; the host runs the pod once for each serial, so a start that
 * is seen twice runs once. `wanted: 'stopped'` ends the present run; it says how, and who asked.
 */
export const PodSpec = Type.Object({
  containers: Type.Array(Container, { minItems: 1, maxItems: 4 }),
  hostname: Type.String(),
  domainname: Type.String(),
  /** None: loopback only. All of them are behind one interface; ports lead to the first that has a way out. */
  networks: Type.Array(PodNetwork),
  mac: Type.Optional(Type.String()),
  dns: Type.Object({
    servers: Type.Array(Type.String()),
    search: Type.Array(Type.String()),
    options: Type.Array(Type.String()),
  }),
  extraHosts: Type.Array(Type.Object({ name: Type.String(), address: Type.String() })),
  sysctls: Type.Record(Type.String(), Type.String()),
  ports: Type.Array(PublishedPort),
  /** Ports that its programs listen on, as the user or the image says: nothing is opened by it. */
  exposed: Type.Optional(
    Type.Array(
      Type.Object({
        protocol: Type.Union([Type.Literal('tcp'), Type.Literal('udp')]),
        port: Type.Integer({ minimum: 1, maximum: 65535 }),
      }),
    ),
  ),
  restart: RestartPolicy,
  /** Remove the pod, and its anonymous volumes, once it has exited. */
  autoRemove: Type.Boolean(),
  /** The size class asked for. */
  vcpus: Type.Integer({ minimum: 1, maximum: 64 }),
  memoryMiB: Type.Integer({ minimum: 64 }),
  /** CPUs that the VM may use in all; absent = vcpus. */
  cpus: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
  /** Quota of the writable layer. */
  writableBytes: Type.Integer({ minimum: 1 }),
  /** Falls asleep once it has been idle for this long; absent: only when it is asked to. */
  sleep: Type.Optional(Type.Object({ afterMs: Type.Integer({ minimum: 1 }) })),
  run: Type.Object({
    wanted: Type.Union([
      Type.Literal('created'),
      Type.Literal('running'),
      Type.Literal('paused'),
      Type.Literal('stopped'),
    ]),
    serial: Type.Integer({ minimum: 0 }),
    stop: Type.Optional(
      Type.Object({
        signal: Type.Optional(Type.Integer()),
        timeoutMs: Type.Optional(Type.Integer({ minimum: -1 })),
        /** A start follows: a pod that removes itself stays for it. */
        again: Type.Optional(Type.Boolean()),
      }),
    ),
    /** The last stop was asked for by the user: `unless-stopped` and `always` honour it. */
    stoppedByUser: Type.Boolean(),
  }),
  /** Absent: anywhere, as production. */
  placement: Type.Optional(Placement),
  /** Name of the Host it is bound to; written by the scheduler only. */
  host: Type.Optional(Type.String()),
});
export type PodSpec = Static<typeof PodSpec>;

/**
 * ```
 * created ─> starting ─> running <─> paused
 *               │           │
 *               │           v
 *               │        stopping
 *               v           v
 *             exited <──────┘ ──> restarting ─> starting
 * (any) ─> removing ─> gone, or dead when removal failed
 * ```
 */
export const PodPhase = Type.Union([
  Type.Literal('created'),
  Type.Literal('starting'),
  Type.Literal('running'),
  Type.Literal('paused'),
  Type.Literal('stopping'),
  Type.Literal('restarting'),
  Type.Literal('exited'),
  Type.Literal('removing'),
  Type.Literal('dead'),
]);
export type PodPhase = Static<typeof PodPhase>;

export const HealthState = Type.Object({
  status: Type.Union([Type.Literal('starting'), Type.Literal('healthy'), Type.Literal('unhealthy')]),
  failingStreak: Type.Integer({ minimum: 0 }),
  log: Type.Array(
    Type.Object({
      start: Type.String(),
      end: Type.String(),
      exitCode: Type.Integer(),
      output: Type.String(),
    }),
    { maxItems: 5 },
  ),
});
export type HealthState = Static<typeof HealthState>;

export const ContainerStatus = Type.Object({
  name: Type.String(),
  state: Type.Union([
    Type.Literal('created'),
    Type.Literal('running'),
    Type.Literal('paused'),
    Type.Literal('exited'),
  ]),
  /** ISO 8601 with nanoseconds. */
  startedAt: Type.Optional(Type.String()),
  finishedAt: Type.Optional(Type.String()),
  exitCode: Type.Integer(),
  oomKilled: Type.Boolean(),
  /** Why it could not start, in the kernel's words. */
  error: Type.String(),
  health: Type.Optional(HealthState),
});
export type ContainerStatus = Static<typeof ContainerStatus>;

/** One phase of a start or a wake, in milliseconds from its request: the boot ledger's line. */
export const LedgerEntry = Type.Object({
  phase: Type.Union([
    Type.Literal('api'),
    Type.Literal('place'),
    /** Of a wake, which has no `api` and `place`: from the knock until the host began. */
    Type.Literal('knock'),
    Type.Literal('slot'),
    Type.Literal('network'),
    Type.Literal('disks'),
    Type.Literal('guest'),
    Type.Literal('exec'),
    /** From the program running to its first output; known once the run is over. */
    Type.Literal('output'),
  ]),
  startMs: Type.Number(),
  endMs: Type.Number(),
});
export type LedgerEntry = Static<typeof LedgerEntry>;

export const PodStatus = Type.Object({
  phase: PodPhase,
  /** The last `run.serial` that the host acted on. */
  serial: Type.Integer({ minimum: 0 }),
  /** Runs that the restart policy asked for, since the user's last start. */
  restartCount: Type.Integer({ minimum: 0 }),
  /** The restart policy's memory: the run it asked for last (or will at `dueAt`), and how long it waited. */
  restart: Type.Optional(
    Type.Object({
      serial: Type.Integer({ minimum: 0 }),
      delayMs: Type.Integer({ minimum: 0 }),
      dueAt: Type.String(),
    }),
  ),
  containers: Type.Array(ContainerStatus),
  /** While it has a VM and an interface. */
  network: Type.Optional(
    Type.Object({
      /** Of the first of its networks. */
      ipv4: Type.String(),
      prefix: Type.Integer(),
      gateway: Type.String(),
      mac: Type.String(),
      ports: Type.Array(PublishedPort),
      /** One for each of its networks. */
      addresses: Type.Array(PodAddress),
    }),
  ),
  vm: Type.Optional(
    Type.Object({
      pid: Type.Integer(),
      accelerator: Type.String(),
      warm: Type.Boolean(),
      hostPaths: Type.Boolean(),
    }),
  ),
  ledger: Type.Optional(Type.Array(LedgerEntry)),
  /** Its programs stand still in a file, and it has no VM; whatever needs it wakes it. It counts as running. */
  asleep: Type.Optional(Type.Object({ since: Type.String(), why: Type.String() })),
  /** Why it is in this phase, for people. */
  message: Type.String(),
});
export type PodStatus = Static<typeof PodStatus>;

export const Pod = Type.Object({
  kind: Type.Literal('Pod'),
  meta: Meta,
  spec: PodSpec,
  status: PodStatus,
  /** A facade's own object, kept so that it can be given back as it was given. Keyed by facade: `docker`, `kube`. */
  given: Type.Record(Type.String(), Type.Unknown()),
});
export type Pod = Static<typeof Pod>;
