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

test('a volume that stands for a host path is mounted as that, for the owner of the local socket', () => {
  const options = { type: 'none', o: 'bind,ro', device: '/srv' };
  const optionsOf = (name: string) => (name === 'there' ? options : undefined);
  const random = new SeededRandom(1);
  const drafts: MountDraft[] = [
    volume('there', '/a'),
    { ...volume('fresh', '/b'), driverOptions: { ...options, o: 'bind' } } as MountDraft,
    volume('plain', '/c'),
  ];
  const { mounts, volumes } = resolveMounts(drafts, [], local, { random, optionsOf });
  assert.deepEqual(mounts.slice(0, 2), [
    { type: 'host', source: '/srv', target: '/a', readOnly: true, volume: 'there' },
    { type: 'host', source: '/srv', target: '/b', readOnly: false, volume: 'fresh' },
  ]);
  assert.equal(mounts[2]?.type, 'volume');
  assert.deepEqual(
    volumes.map(({ name }) => name),
    ['there', 'fresh', 'plain'],
  );
  assert.throws(() => resolveMounts(drafts, [], remote, { random, optionsOf }), { code: 'forbidden' });
});

test('a volume that is memory is mounted as a tmpfs, and needs a name', () => {
  const driverOptions = { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,uid=5' };
  const memory = (name: string) => ({ ...volume(name, '/m'), driverOptions, readOnly: true });
  assert.deepEqual(resolve([memory('mem')]).mounts, [
    { type: 'tmpfs', target: '/m', options: 'size=1m,uid=5,ro', volume: 'mem' },
  ]);
  assert.throws(() => resolve([memory('')]), { code: 'unsupported', message: /needs a name/ });
  const subpath = { ...memory('mem'), subpath: 'a' };
  assert.throws(() => resolve([subpath]), { code: 'unsupported', message: /mem is memory: its subpath/ });
});
