import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '@kraud/base';
import type { MountDraft } from '../contract.ts';
import { resolveMounts } from './mounts.ts';

const local = { tenant: 'default', local: true };
const remote = { tenant: 'other', local: false };
const resolve = (drafts: MountDraft[], volumes: string[] = [], caller = local) =>
  resolveMounts(drafts, volumes, caller, { random: new SeededRandom(1) });
const volume = (name: string, target: string): MountDraft => ({
  type: 'volume',
  volume: name,
  target,
  readOnly: false,
  copyUp: true,
});

test('an image VOLUME that nothing covers becomes an anonymous volume', () => {
  const { mounts, volumes } = resolve([volume('data', '/data/')], ['/data', '/cache']);
  assert.deepEqual(
    mounts.map((m) => m.target),
    ['/data', '/cache'],
  );
  assert.deepEqual(
    volumes.map((v) => v.anonymous),
    [false, true],
  );
  assert.match(volumes[1]?.name ?? '', /^[0-9a-f]{64}$/);
});

test('deeper targets come later', () => {
  const { mounts } = resolve([volume('bb', '/a/b'), volume('aa', '/a')]);
  assert.deepEqual(
    mounts.map((m) => m.target),
    ['/a', '/a/b'],
  );
});

test('host paths are for the owner of the local socket only', () => {
  const bind: MountDraft = { type: 'host', source: '/etc', target: '/x', readOnly: true };
  assert.equal(resolve([bind]).mounts.length, 1);
  assert.throws(() => resolve([bind], [], remote), { code: 'forbidden', message: /\/etc/ });
});

for (const [what, drafts] of [
  ['the same target twice', [volume('aa', '/x'), volume('bb', '/x/')]],
  ['a relative target', [volume('aa', 'x')]],
  ['the root', [volume('aa', '/')]],
  ['a bad name', [volume('a/b', '/x')]],
] as const) {
  test(`${what} is refused`, () => assert.throws(() => resolve([...drafts]), { code: 'invalid' }));
}
