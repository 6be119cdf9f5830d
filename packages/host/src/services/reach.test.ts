import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleHost } from '@kraud/macro/samples';
import { isReached } from './reach.ts';

test('a host’s pods are reached by a tunnel that both have an end of, as long as it is there', () => {
  const tunnel = { kind: 'kernel' as const, reason: '', ends: { t: { key: 'k', port: 1 } } };
  const [here, there] = [sampleHost('here', { tunnel }), sampleHost('there', { tunnel })];
  assert.ok(isReached(here, there, 't'));
  assert.ok(!isReached(here, there, 'other'));
  assert.ok(!isReached(here, sampleHost('there'), 't'));
  assert.ok(!isReached(sampleHost('here'), there, 't'));
  assert.ok(!isReached(here, sampleHost('there', { tunnel, lostAt: '2026-01-02T03:04:05.000Z' }), 't'));
  assert.ok(!isReached(here, undefined, 't'));
  assert.ok(isReached(sampleHost('here'), sampleHost('here'), 't'));
});
