import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Mount, Pod } from '@kraud/macro';
import type { MountDraft } from '../contract.ts';
import { inherited } from './volumes-from.ts';

const podWith = (...mounts: Mount[]): Pod =>
  ({ spec: { containers: [{ name: 'main', mounts }] } }) as unknown as Pod;
const volume = (name: string, target: string, readOnly = false): Mount => ({
  type: 'volume',
  volume: name,
  target,
  readOnly,
  copyUp: true,
  anonymous: name.length === 64,
});
const host = (source: string, target: string): Mount => ({ type: 'host', source, target, readOnly: false });
const shown = (mounts: MountDraft[]): string[] =>
  mounts.map((m) => {
    const from = m.type === 'volume' ? m.volume : m.type === 'host' ? m.source : m.type;
    return `${from}:${m.target}${'readOnly' in m && m.readOnly ? ':ro' : ''}`;
  });

test('volumes, anonymous ones too, and host paths are taken over; memory is not', () => {
  const anonymous = 'a'.repeat(64);
  const source = podWith(
    volume('data', '/data'),
    volume(anonymous, '/cache', true),
    host('/srv', '/srv'),
    { type: 'tmpfs', target: '/tmp', options: '' },
    { type: 'socket', source: '/own.sock', target: '/run/docker.sock' },
  );
  const mounts = inherited([], [{ pod: source, readOnly: false }]);
  assert.deepEqual(shown(mounts), [
    'data:/data',
    `${anonymous}:/cache:ro`,
    '/srv:/srv',
    'socket:/run/docker.sock',
  ]);
  // Its owner is still the pod that it was made for.
  assert.ok(mounts.every((mount) => !('anonymous' in mount)));
});

test('read-only can be asked for, and a later source hides an earlier one', () => {
  const [one, two] = [
    podWith(volume('one', '/data'), host('/a', '/a')),
    podWith(volume('two', '/data', true)),
  ];
  const sources = [
    { pod: one, readOnly: true },
    { pod: two, readOnly: false },
  ];
  assert.deepEqual(shown(inherited([], sources)), ['two:/data:ro', '/a:/a:ro']);
});

test('a mount of its own by name goes before, an anonymous volume after', () => {
  const draft = (name: string, target: string): MountDraft => ({
    type: 'volume',
    volume: name,
    target,
    readOnly: false,
    copyUp: true,
  });
  const source = podWith(volume('data', '/data'), volume('logs', '/logs'));
  const mounts = inherited([draft('mine', '/data/'), draft('', '/logs')], [{ pod: source, readOnly: false }]);
  assert.deepEqual(shown(mounts), ['logs:/logs', 'mine:/data/']);
});
