import assert from 'node:assert/strict';
import { test } from 'node:test';
import { genericEnv, genericOf, shownGeneric } from './generic.ts';

const discrete = (Kind: string, Value: unknown) => ({ DiscreteResourceSpec: { Kind, Value } });
const named = (Kind: string, Value: unknown) => ({ NamedResourceSpec: { Kind, Value } });

test('counted or by name, and told to the task', () => {
  const given = [discrete('gpu', 2), named('nic', 'eth7'), named('nic', 'eth8')];
  const generic = genericOf(given);
  assert.deepEqual(generic, [
    { kind: 'gpu', count: 2 },
    { kind: 'nic', count: 1, name: 'eth7' },
    { kind: 'nic', count: 1, name: 'eth8' },
  ]);
  assert.deepEqual(genericEnv(generic), ['DOCKER_RESOURCE_GPU=2', 'DOCKER_RESOURCE_NIC=eth7,eth8']);
  assert.deepEqual(shownGeneric(generic), given);
  assert.deepEqual([genericOf(undefined), genericOf(null)], [[], []]);
});

test('what is neither is refused', () => {
  const wrong = [
    {},
    [{}],
    [discrete('gpu', 0)],
    [discrete('gpu', 1.5)],
    [discrete('a b', 1)],
    [named('gpu', '')],
    [named('gpu', 'a,b')],
    [named('', 'a')],
    [{ ...discrete('gpu', 1), ...named('gpu', 'a') }],
  ];
  for (const given of wrong) {
    assert.throws(() => genericOf(given), { code: 'invalid', message: /^invalid GenericResources: / });
  }
});
