import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KraudError } from '@kraud/base';
import type { Constraint } from '@kraud/cloud';
import fc from 'fast-check';
import { placementOf } from './placement.ts';

const hosts: Record<string, string> = { n1: 'alpha' };
const constraints = (...texts: string[]): Constraint[] =>
  placementOf({ Placement: { Constraints: texts } }, (id) => hosts[id]).constraints;

for (const [text, key, op, value] of [
  ['node.id==n1', 'kr.host', 'in', 'alpha'],
  ['node.id == unknown', 'kr.host', 'in', 'unknown'],
  ['node.hostname!=alpha', 'kr.host', 'not-in', 'alpha'],
  ['node.role == worker', 'kr.role', 'in', 'worker'],
  ['node.platform.os==linux', 'kr.os', 'in', 'linux'],
  ['node.platform.arch==x86_64', 'kr.arch', 'in', 'amd64'],
  ['node.labels.kr.zone==a', 'kr.zone', 'in', 'a'],
  ['node.labels.disk!= ssd ', 'disk', 'not-in', 'ssd'],
] as const) {
  test(`${text} asks for ${key} ${op} ${value}`, () => {
    assert.deepEqual(constraints(text), [{ key, op, values: [value] }]);
  });
}

test('whatever is written is a constraint or is refused by name', () => {
  const pieces = fc.constantFrom(
    'node.',
    'labels.',
    'role',
    'id',
    '==',
    '!=',
    '=',
    ' ',
    'a',
    '.',
    '!',
    'engine.',
  );
  const texts = fc.oneof(
    fc.string(),
    fc.array(pieces, { maxLength: 8 }).map((all) => all.join('')),
  );
  fc.assert(
    fc.property(texts, (text) => {
      try {
        const [constraint] = constraints(text);
        assert.ok(constraint && constraint.key !== '' && constraint.values[0] !== '');
      } catch (error) {
        if (!(error instanceof KraudError)) throw error;
        assert.ok(error.code === 'invalid' || error.code === 'unsupported');
      }
    }),
  );
});

test('platforms and reservations', () => {
  const placement = placementOf(
    {
      Placement: { Platforms: [{ Architecture: 'amd64', OS: 'linux' }, { Architecture: 'arm64' }] },
      Resources: { Reservations: { NanoCPUs: 500_000_000 } },
    },
    () => undefined,
  );
  assert.deepEqual(placement.constraints, [{ key: 'kr.arch', op: 'in', values: ['amd64', 'arm64'] }]);
  assert.deepEqual(placement.requests, { cpus: 0.5, memoryBytes: 0 });
});
