export type * from '@kraud/host';
export type {
  Event,
  HealthState,
  Image,
  Mount,
  Network,
  Pod,
  PublishedPort,
  Resources,
  RestartPolicy,
  Volume,
} from '@kraud/macro';
export * from './cloud.ts';
export * from './contract.ts';
export type { EventLog } from './events.ts';
export { ExecFailure } from './exec-failure.ts';
export * from './limits.ts';
export type { CloudParts } from './parts.ts';
export type { Table } from './table.ts';
