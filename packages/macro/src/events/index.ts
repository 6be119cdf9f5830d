export { EventLog, type EventRange, type Happening } from './event-log.ts';
export { retentionDefaults, trimEvents } from './retention.ts';
