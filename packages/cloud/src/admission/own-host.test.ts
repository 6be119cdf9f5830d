import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Host, PodSpec } from '@kraud/macro';
import { onOwnHost } from './own-host.ts';

const podWith = (type: string): Pick<PodSpec, 'containers' | 'placement'> => ({
  containers: [{ mounts: [{ type }] } as unknown as Container],
});
const cloudOf = (hosts: number) => ({
  hostName: 'here',
  hosts: { everywhere: () => Array.from({ length: hosts }, () => ({}) as Host) },
});

test('a pod with a path of the host stays on the host that was asked, if there are others', () => {
  const bound = podWith('host');
  assert.deepEqual(onOwnHost(cloudOf(2), bound).placement?.constraints, [
    { key: 'kr.host', op: 'in', values: ['here'] },
  ]);
  assert.ok(onOwnHost(cloudOf(2), podWith('socket')).placement);
  assert.equal(onOwnHost(cloudOf(1), bound), bound);
  const free = podWith('volume');
  assert.equal(onOwnHost(cloudOf(2), free), free);
});
