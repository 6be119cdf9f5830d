export { GuestClient } from './client.ts';
export { GuestError } from './error.ts';
export { type ExecOutput, GuestExec } from './exec.ts';
export { GuestLogs } from './logs.ts';
export type { PrefaceOptions } from './preface.ts';
export type * from './types.ts';
