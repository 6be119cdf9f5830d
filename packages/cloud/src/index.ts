export type * from '@kraud/host';
export type {
  Band,
  Config,
  Constraint,
  Endpoint,
  Event,
  GenericResource,
  HealthState,
  Host,
  Image,
  Mount,
  Network,
  Placement,
  Pod,
  PublishedPort,
  Quota,
  Resources,
  RestartPolicy,
  Secret,
  SlotRestart,
  Taint,
  UpdatePolicy,
  Volume,
  Workload,
  WorkloadMode,
} from '@kraud/macro';
export type { Asked } from './admission/quota.ts';
export * from './cloud.ts';
export * from './contract.ts';
export type { EventLog } from './events.ts';
export { ExecFailure } from './exec-failure.ts';
export type * from './files/contract.ts';
export type * from './hosts/contract.ts';
export type * from './hosts/place.ts';
export * from './limits.ts';
export type * from './networks/contract.ts';
export { settleIngress } from './networks/ingress.ts';
export { isPredefined } from './networks/names.ts';
export type { CloudParts } from './parts.ts';
export type * from './quotas/contract.ts';
export type * from './swarm/contract.ts';
export { certificateTtlMsOf } from './swarm/note.ts';
export type { Table } from './table.ts';
export { virtualAddressesOf } from './workloads/addresses.ts';
export type * from './workloads/contract.ts';
export { previousOf } from './workloads/previous.ts';
export { changedAtOf, versionOf } from './workloads/version.ts';
