export * from './contract.ts';
export * from './gates/index.ts';
export { hostCradle } from './guest/adapter.ts';
export type { Guest } from './guest/guest.ts';
export { Heartbeat, type HeartbeatOptions } from './heartbeat.ts';
export { HostAgent } from './host-agent.ts';
export * from './identity/index.ts';
export * from './images-link/index.ts';
export { type HostLimits, hostLimits } from './limits.ts';
export * from './link/index.ts';
export { bootMs } from './liveness/boot-clock.ts';
export { type Fence, FenceProcess } from './liveness/fence.ts';
export { buildFence } from './liveness/fence-tool.ts';
export { Liveness, type LivenessOptions, type MayRun } from './liveness/liveness.ts';
export type {
  FileSources,
  FixedPlace,
  HostCradle,
  HostParts,
  HostVm,
  KeptVm,
  NetworkSource,
  PodTable,
} from './parts.ts';
export { namesOn } from './pods/places.ts';
export { podTableOf } from './pods/pod-table.ts';
export { ServiceFeed, type ServiceFeedParts } from './services/feed.ts';
export { UsageSampler } from './usage.ts';
