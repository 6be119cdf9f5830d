export { EventLog, type EventRange, type Happening, type Told } from './event-log.ts';
export { retentionDefaults, trimEvents } from './retention.ts';
