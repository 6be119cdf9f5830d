import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkBody } from '../../body/check.ts';
import { treeOf } from '../../body/tree.ts';
import { createContainer } from '../create.ts';
import type { CreateBody, HostBody, MountBody } from './body.ts';
import { draftOf } from './draft.ts';

const tree = treeOf(createContainer.body ?? []);

function draft(body: CreateBody): ReturnType<typeof draftOf>['draft'] {
  const { body: checked } = checkBody(tree, { Image: 'app', ...body });
  return draftOf(checked as CreateBody, { name: '', sockets: [] }).draft;
}

const mount = (more: MountBody): HostBody => ({ Mounts: [more] });

for (const [host, message] of [
  [{ ShmSize: -1 }, /^SHM size can not be less than 0$/],
  [{ Annotations: { '': 'x' } }, /the empty string is not permitted as an annotation key/],
  [{ Dns: ['nodns'] }, /^bad nameserver address: nodns$/],
  [{ LogConfig: { Type: 'nope' } }, /^logger: no log driver named 'nope' is registered$/],
  [{ LogConfig: { Config: { invalid: 'true' } } }, /^unknown log opt 'invalid' for json-file log driver$/],
  [
    mount({ Type: 'volume', Source: 'v', Target: '/t', VolumeOptions: { Subpath: '/etc' } }),
    /^invalid mount config for type "volume": subpath must be a relative path within the volume$/,
  ],
  [
    mount({ Type: 'volume', Source: 'v', Target: '/t', VolumeOptions: { Subpath: 'a/../../b' } }),
    /subpath must be a relative path within the volume$/,
  ],
  [{ CpusetMems: '42-3,1--' }, /^Invalid value 42-3,1-- for cpuset mems$/],
  [{ IpcMode: 'x' }, /^invalid IPC mode: x$/],
  [{ PidMode: 'container' }, /^invalid PID mode: container$/],
  [{ UTSMode: 'container:x' }, /^invalid UTS mode: container:x$/],
  [{ VolumesFrom: ['box:rx'] }, /^invalid mode: rx$/],
  [{ VolumesFrom: [':ro'] }, /names no container/],
  [mount({ Type: 'bind' }), /field Target must not be empty/],
  [mount({ Type: 'bind', Target: '/t' }), /field Source must not be empty/],
  [mount({ Type: 'bind', Source: '/s', Target: '/t', VolumeOptions: {} }), /VolumeOptions must not be/],
  [mount({ Type: 'volume', Target: '/t', BindOptions: {} }), /field BindOptions must not be specified/],
  [mount({ Type: 'volume', Target: '/t', ReadOnly: true }), /ReadOnly mode when using anonymous volumes/],
  [mount({ Type: 'tmpfs', Source: '/s', Target: '/t' }), /field Source must not be specified/],
  [{ PortBindings: { '80/tcp': [{ HostPort: '9-8' }] } }, /^invalid port specification: "9-8"$/],
  [{ PortBindings: { '80/tcp': [{ HostPort: '0-8' }] } }, /^invalid port specification: "0-8"$/],
] as const) {
  test(`${JSON.stringify(host)} is refused`, () => {
    assert.throws(() => draft({ HostConfig: host as HostBody }), { code: 'invalid', message });
  });
}

test('logs that go elsewhere are refused by name', () => {
  assert.throws(() => draft({ HostConfig: { LogConfig: { Type: 'syslog' } } }), { code: 'unsupported' });
});

for (const [text, expected] of [
  ['', { hostPort: 0 }],
  ['8080', { hostPort: 8080 }],
  ['8080-8080', { hostPort: 8080 }],
  ['8000-8010', { hostPort: 0, among: { first: 8000, last: 8010 } }],
] as const) {
  test(`host port '${text}'`, () => {
    const { ports } = draft({ HostConfig: { PortBindings: { '80/tcp': [{ HostPort: text }] } } });
    assert.deepEqual(ports, [{ protocol: 'tcp', podPort: 80, hostIp: '', ...expected }]);
  });
}

test('volumes of others, read-only where asked', () => {
  const { volumesFrom } = draft({ HostConfig: { VolumesFrom: ['one', 'two:ro', 'three:rw,z'] } });
  assert.deepEqual(volumesFrom, [
    { ref: 'one', readOnly: false },
    { ref: 'two', readOnly: true },
    { ref: 'three', readOnly: false },
  ]);
});

test('a network that is switched off is none', () => {
  assert.deepEqual(draft({ NetworkDisabled: true }).networks, []);
});
