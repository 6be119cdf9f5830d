export interface SimulationOptions {
  readonly seed: number;
  readonly hosts: number;
  /** Most pods that there are at a time. */
  readonly pods: number;
  readonly steps: number;
}

export const simulationDefaults: SimulationOptions = { seed: 1, hosts: 8, pods: 60, steps: 60 };
