export { type HealthOptions, monitorHealth, type Probe } from './monitor.ts';
export { afterProbe, healthDefaults, type ProbeResult, startingHealth, waitForProbe } from './state.ts';
