import assert from 'node:assert/strict';
import { test } from 'node:test';
import { execEnv } from './exec-env.ts';

test('an exec without a terminal has no TERM of the terminal that its container has', () => {
  const container = { env: ['A=1'], tty: true };
  assert.deepEqual(execEnv(container, { env: ['B=2'], tty: false }), ['TERM', 'A=1', 'B=2']);
  assert.deepEqual(execEnv(container, { env: ['B=2'], tty: true }), ['A=1', 'B=2']);
  assert.deepEqual(execEnv({ env: ['A=1'], tty: false }, { env: [], tty: false }), ['A=1']);
});

test('a TERM that somebody names is given, whoever has a terminal', () => {
  assert.deepEqual(execEnv({ env: ['TERM=dumb'], tty: true }, { env: [], tty: false }), [
    'TERM',
    'TERM=dumb',
  ]);
});
