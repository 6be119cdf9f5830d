import { KraudError } from '@kraud/base';
import type { ImageConfig } from '@kraud/host';
import type { HealthCheck } from '@kraud/macro';
import type { ContainerDraft } from '../contract.ts';

/** Docker's documented defaults. */
const defaults = {
  intervalMs: 30_000,
  timeoutMs: 30_000,
  startPeriodMs: 0,
  startIntervalMs: 5_000,
  retries: 3,
};

const toMs = (ns: number | undefined): number | undefined =>
  ns ? Math.max(1, Math.round(ns / 1e6)) : undefined;

/** The draft's health check, with what it leaves out from the image's; absent when there is none to run. */
export function resolveHealth(
  draft: ContainerDraft['health'],
  image: ImageConfig['healthcheck'],
): HealthCheck | undefined {
  if (draft === 'none') return undefined;
  const test = draft?.test?.length ? draft.test : image?.test;
  if (!test || test.length === 0 || test[0] === 'NONE') return undefined;
  if (test[0] !== 'CMD' && test[0] !== 'CMD-SHELL') {
    throw new KraudError('invalid', `Unknown healthcheck type '${test[0]}' (expected 'CMD')`);
  }
  if (test.length === 1) throw new KraudError('invalid', `health check ${test[0]} needs a command`);
  return {
    test: [...test],
    intervalMs: draft?.intervalMs ?? toMs(image?.intervalNs) ?? defaults.intervalMs,
    timeoutMs: draft?.timeoutMs ?? toMs(image?.timeoutNs) ?? defaults.timeoutMs,
    startPeriodMs: draft?.startPeriodMs ?? toMs(image?.startPeriodNs) ?? defaults.startPeriodMs,
    startIntervalMs: draft?.startIntervalMs ?? toMs(image?.startIntervalNs) ?? defaults.startIntervalMs,
    retries: draft?.retries ?? (image?.retries || undefined) ?? defaults.retries,
  };
}
