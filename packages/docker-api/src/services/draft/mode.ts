import { KraudError } from '@kraud/base';
import type { WorkloadMode } from '@kraud/cloud';
import type { ModeBody } from '../body.ts';

/**
 * | body                                    | mode                            |
 * | --------------------------------------- | ------------------------------- |
 * | –, `{Replicated: {}}`                   | one replica                     |
 * | `{Global: {}}`                          | one on each node                |
 * | `{ReplicatedJob: {TotalCompletions: 4}}`| until four have ended well      |
 */
export function modeOf(body: ModeBody = {}): WorkloadMode {
  const given = Object.keys(body);
  if (given.length > 1) throw new KraudError('invalid', 'must specify only one service mode');
  if (body.Global) return { type: 'global' };
  if (body.GlobalJob) return { type: 'global-job' };
  if (body.ReplicatedJob) {
    const { MaxConcurrent: atOnce, TotalCompletions: total } = body.ReplicatedJob;
    const parallelism = count('MaxConcurrent', atOnce ?? 1);
    return { type: 'job', completions: count('TotalCompletions', total ?? parallelism), parallelism };
  }
  return { type: 'replicated', replicas: count('Replicas', body.Replicated?.Replicas ?? 1) };
}

function count(name: string, value: number): number {
  if (value < 0) throw new KraudError('invalid', `${name} must not be negative`);
  return value;
}
