import { KraudError } from '@kraud/base';
import type { ContainerDraft } from '@kraud/cloud';
import type { HealthBody } from './body.ts';

const nsPerMs = 1e6;

/** Durations come in nanoseconds; zero means that the image's or the default holds. */
export function healthOf(body: HealthBody | undefined): ContainerDraft['health'] {
  if (!body) return undefined;
  if (body.Test?.[0] === 'NONE') return 'none';
  if ((body.Retries ?? 0) < 0) throw new KraudError('invalid', 'Retries in Healthcheck cannot be negative');
  const intervalMs = duration('Interval', body.Interval);
  const timeoutMs = duration('Timeout', body.Timeout);
  const startPeriodMs = duration('StartPeriod', body.StartPeriod);
  const startIntervalMs = duration('StartInterval', body.StartInterval);
  const health = {
    ...(body.Test && body.Test.length > 0 ? { test: body.Test } : {}),
    ...(intervalMs ? { intervalMs } : {}),
    ...(timeoutMs ? { timeoutMs } : {}),
    ...(startPeriodMs ? { startPeriodMs } : {}),
    ...(startIntervalMs ? { startIntervalMs } : {}),
    ...(body.Retries ? { retries: body.Retries } : {}),
  };
  return Object.keys(health).length > 0 ? health : undefined;
}

function duration(name: string, ns: number | undefined): number | undefined {
  if (!ns) return undefined;
  if (ns < nsPerMs) throw new KraudError('invalid', `${name} in Healthcheck cannot be less than 1ms`);
  return Math.round(ns / nsPerMs);
}
