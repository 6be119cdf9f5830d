export * from './contract.ts';
export { hostCradle } from './guest/adapter.ts';
export type { Guest } from './guest/guest.ts';
export { Heartbeat, type HeartbeatOptions } from './heartbeat.ts';
export { HostAgent } from './host-agent.ts';
export * from './identity/index.ts';
export { type HostLimits, hostLimits } from './limits.ts';
export type { FileSources, HostCradle, HostParts, HostVm, PodTable } from './parts.ts';
export { podTableOf } from './pods/pod-table.ts';
