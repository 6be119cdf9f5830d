import { KraudError } from '@kraud/base';
import type { CloudLimits } from '../limits.ts';

/** Facts that the cloud states of a host itself. */
const ownFacts = ['kr.host', 'kr.role', 'kr.os', 'kr.arch'];
const keyPattern = /^[a-zA-Z0-9]([-a-zA-Z0-9_./]{0,126}[a-zA-Z0-9])?$/;
const valueCharsMax = 256;

/** The labels after a change; refuses a key or value that no label may have. */
export function changedLabels(
  present: Readonly<Record<string, string>>,
  change: Readonly<Record<string, string | undefined>>,
  limits: Pick<CloudLimits, 'hostLabelsMax'>,
): Record<string, string> {
  const labels = { ...present };
  for (const [key, value] of Object.entries(change)) {
    if (ownFacts.includes(key)) {
      throw new KraudError('invalid', `label ${key} is a fact that the cloud states itself; choose another`);
    }
    if (!keyPattern.test(key)) {
      throw new KraudError(
        'invalid',
        `invalid label ${JSON.stringify(key.slice(0, 80))}: use letters, digits, - _ . /`,
      );
    }
    if (value === undefined) {
      delete labels[key];
      continue;
    }
    if (value.length > valueCharsMax) {
      throw new KraudError('invalid', `label ${key}: the value is longer than ${valueCharsMax} characters`);
    }
    labels[key] = value;
  }
  if (Object.keys(labels).length > limits.hostLabelsMax) {
    throw new KraudError('exhausted', `a host has at most ${limits.hostLabelsMax} labels`);
  }
  return labels;
}
