import { KraudError } from '@kraud/base';
import type { Swarm, SwarmWish } from '@kraud/cloud';
import { type BodyRow, row } from '../body/rows.ts';

/** A swarm's settings as clients give them. */
export interface SwarmSpecBody {
  Name?: string;
  Labels?: Record<string, string>;
  Orchestration?: { TaskHistoryRetentionLimit?: number };
  Raft?: Record<string, number>;
  Dispatcher?: { HeartbeatPeriod?: number };
  CAConfig?: {
    NodeCertExpiry?: number;
    ForceRotate?: number;
    SigningCACert?: string;
    SigningCAKey?: string;
  };
}

export const endedKeptDefault = 5;
const raft = {
  SnapshotInterval: 10_000,
  KeepOldSnapshots: 0,
  LogEntriesForSlowFollowers: 500,
  ElectionTick: 10,
  HeartbeatTick: 1,
};
const heartbeatNs = 5_000_000_000;
const nsPerMs = 1e6;
const certificateNsMin = 3_600_000_000_000;
const certificateNs = 7_776_000_000_000_000;

/** What the store and the hosts' identity have of their own; kept so that a client's round trip changes nothing. */
const theirs = {
  kept: true,
  note: 'shown; the store has settings of its own',
} as const;

const atFirst = 'replace the CA afterwards: `docker swarm ca --rotate`';

/** `begins` as long as there is no swarm whose CA could be replaced. */
export const swarmSpecRows = (prefix: string, options: { begins: boolean }): BodyRow[] => {
  const s = (name: string): string => `${prefix}${name}`;
  return [
    row('partly', s('Name'), 'string', 'default', { note: '`default`, as with dockerd' }),
    row('yes', s('Labels'), 'labels', { a: 'b' }),
    row('yes', s('Orchestration.TaskHistoryRetentionLimit'), 'int', 3),
    ...Object.keys(raft).map((name) => row('partly', s(`Raft.${name}`), 'int', 7, theirs)),
    row('partly', s('Dispatcher.HeartbeatPeriod'), 'int', 7, theirs),
    row('yes', s('CAConfig.NodeCertExpiry'), 'int', 7),
    row('refused', s('CAConfig.ExternalCAs'), 'any', [{ URL: 'x' }], {
      note: 'the cloud has a CA of its own',
    }),
    ...(options.begins
      ? [
          row('refused', s('CAConfig.SigningCACert'), 'string', 'x', { note: atFirst }),
          row('refused', s('CAConfig.SigningCAKey'), 'string', 'x', { note: atFirst }),
          row('refused', s('CAConfig.ForceRotate'), 'int', 1, { note: atFirst }),
        ]
      : [
          row('yes', s('CAConfig.SigningCACert'), 'string', 'x'),
          row('yes', s('CAConfig.SigningCAKey'), 'string', 'x'),
          row('yes', s('CAConfig.ForceRotate'), 'int', 1),
        ]),
    row('refused', s('TaskDefaults.LogDriver'), 'any', { Name: 'local' }, { note: 'name it at the service' }),
    row('refused', s('EncryptionConfig.AutoLockManagers'), 'bool', true, {
      note: 'managers are not locked: the store keeps its own keys',
    }),
  ];
};

/** The settings in full, as dockerd shows them. */
export function swarmSpecOf({ given }: Swarm): Record<string, unknown> & { Labels: Record<string, string> } {
  const spec = (given.docker ?? {}) as SwarmSpecBody;
  return {
    Name: spec.Name || 'default',
    Labels: spec.Labels ?? {},
    Orchestration: { TaskHistoryRetentionLimit: endedKept(spec) },
    Raft: {
      ...raft,
      ...Object.fromEntries(Object.entries(spec.Raft ?? {}).filter(([, value]) => value !== 0)),
    },
    Dispatcher: { HeartbeatPeriod: spec.Dispatcher?.HeartbeatPeriod || heartbeatNs },
    CAConfig: {
      NodeCertExpiry: certificateLifeNs(spec),
      ...(spec.CAConfig?.ForceRotate ? { ForceRotate: spec.CAConfig.ForceRotate } : {}),
    },
    TaskDefaults: {},
    EncryptionConfig: { AutoLockManagers: false },
  };
}

/** What is settled when a swarm begins, and shown. */
export interface Beginning {
  readonly dataPathPort: number;
}

export const dataPathPortDefault = 4789;
export const subnetSizeDefault = 24;

export const beginningOf = ({ given }: Swarm): Beginning =>
  (given.beginning as Beginning | undefined) ?? { dataPathPort: dataPathPortDefault };

/** What the cloud keeps of the settings: never a CA's key, and its certificate only where the CA itself is. */
export function wishOf(spec: SwarmSpecBody, beginning: Beginning): SwarmWish {
  const { SigningCACert: _, SigningCAKey: __, ...config } = spec.CAConfig ?? {};
  const kept = { ...spec, ...(spec.CAConfig ? { CAConfig: config } : {}) };
  return { given: { docker: kept, beginning }, certificateTtlMs: certificateLifeNs(spec) / nsPerMs };
}

/**
 * The root that these settings have put in the place of the present one: `new` for one that is made, undefined when it is
 * to stay.
 */
export function wishedRoot(
  { CAConfig: config = {} }: SwarmSpecBody,
  present: Swarm,
): { cert: string; key: string } | 'new' | undefined {
  const { SigningCACert: cert = '', SigningCAKey: key = '', ForceRotate: force = 0 } = config;
  if (cert === '' && key !== '') {
    throw new KraudError(
      'invalid',
      'if a signing CA key is provided, the signing CA cert must also be provided',
    );
  }
  if (cert !== '' && key === '') {
    throw new KraudError(
      'unsupported',
      'a signing CA cert without its key is not supported: there are no external CAs',
    );
  }
  if (cert !== '') return { cert, key };
  const before = (present.given.docker ?? {}) as SwarmSpecBody;
  return force === (before.CAConfig?.ForceRotate ?? 0) ? undefined : 'new';
}

const certificateLifeNs = ({ CAConfig: config }: SwarmSpecBody): number =>
  config?.NodeCertExpiry || certificateNs;

export function endedKeptOf({ given }: Swarm): number {
  return endedKept((given.docker ?? {}) as SwarmSpecBody);
}

function endedKept({ Orchestration: orchestration }: SwarmSpecBody): number {
  const limit = orchestration?.TaskHistoryRetentionLimit ?? endedKeptDefault;
  return limit < 0 ? endedKeptDefault : limit;
}

export function checkSpec(spec: SwarmSpecBody): void {
  if (spec.Name && spec.Name !== 'default')
    throw new KraudError('invalid', 'swarm spec must be named "default"');
  const expiryNs = spec.CAConfig?.NodeCertExpiry ?? 0;
  if (expiryNs !== 0 && expiryNs < certificateNsMin) {
    throw new KraudError('invalid', 'minimum certificate expiry time is: 1h0m0s');
  }
}
