import { KraudError } from '@kraud/base';
import type { SlotRestart, UpdatePolicy } from '@kraud/cloud';
import type { TaskBody, UpdateBody } from '../body.ts';
import { msOf } from './durations.ts';

export const monitorMsDefault = 5000;
export const restartDelayMsDefault = 5000;

const orders = ['stop-first', 'start-first'] as const;

function oneOf<T extends string>(name: string, value: string, known: readonly T[]): T {
  const found = known.find((item) => item === value);
  if (found === undefined) {
    throw new KraudError('invalid', `unrecognized ${name} ${value}: use one of ${known.join(', ')}`);
  }
  return found;
}

function policyOf<F extends UpdatePolicy['onFailure']>(
  name: string,
  body: UpdateBody,
  actions: readonly F[],
  actionDefault: F,
): UpdatePolicy {
  const ratio = body.MaxFailureRatio ?? 0;
  if (ratio < 0 || ratio > 1) {
    throw new KraudError('invalid', `${name}.MaxFailureRatio must not be less than 0 or more than 1`);
  }
  if ((body.Parallelism ?? 0) < 0)
    throw new KraudError('invalid', `${name}.Parallelism must not be negative`);
  return {
    parallelism: body.Parallelism ?? 1,
    delayMs: msOf(`${name}.Delay`, body.Delay) ?? 0,
    order: oneOf(`${name}.Order`, body.Order || 'stop-first', orders),
    onFailure: oneOf(`${name}.FailureAction`, body.FailureAction || actionDefault, actions),
    monitorMs: msOf(`${name}.Monitor`, body.Monitor) || monitorMsDefault,
    maxFailureRatio: ratio,
  };
}

export const updateOf = (body: UpdateBody = {}): UpdatePolicy =>
  policyOf('UpdateConfig', body, ['pause', 'continue', 'rollback'], 'pause');

/** A rollback can't be rolled back. */
export const rollbackOf = (body: UpdateBody = {}): UpdatePolicy =>
  policyOf('RollbackConfig', body, ['pause', 'continue'], 'pause');

/**
 * A job's tasks run again when they fail; others whenever they end. `any` means the same for a job: what has completed
 * is done, and clients say `any` along with whatever else of the policy they were given.
 */
export function restartOf(body: NonNullable<TaskBody['RestartPolicy']> = {}, isJob = false): SlotRestart {
  const condition = oneOf('RestartPolicy.Condition', body.Condition || (isJob ? 'on-failure' : 'any'), [
    'none',
    'on-failure',
    'any',
  ]);
  if ((body.MaxAttempts ?? 0) < 0) {
    throw new KraudError('invalid', 'RestartPolicy.MaxAttempts must not be negative');
  }
  return {
    condition: isJob && condition === 'any' ? 'on-failure' : condition,
    delayMs: msOf('RestartPolicy.Delay', body.Delay) ?? restartDelayMsDefault,
    attemptsMax: body.MaxAttempts ?? 0,
    windowMs: msOf('RestartPolicy.Window', body.Window) ?? 0,
  };
}
