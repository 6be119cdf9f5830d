import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '@kraud/macro';
import { samplePod } from '@kraud/macro/samples';
import { farPodOf } from './far-pods.ts';

const all = { isShared: () => true, isThere: () => true };
const address = (network: string, ipv4: string) => ({ network, ipv4, prefix: 16, gateway: '' });
const pod = (spec: Partial<Pod['spec']> = {}, status: Partial<Pod['status']> = {}): Pod =>
  samplePod('web', {
    spec: {
      host: 'far',
      hostname: 'box',
      networks: [
        { name: 'default', aliases: [] },
        { name: 'front', aliases: ['www'] },
      ],
      ...spec,
    },
    status: {
      phase: 'running',
      network: {
        ...{ ipv4: '10.0.0.2', prefix: 16, gateway: '', mac: '', ports: [] },
        addresses: [address('default', '10.0.0.2'), address('front', '10.1.4.1')],
      },
      ...status,
    },
  });

test('a pod of another host is told with all its names, but for those of the default network', () => {
  const seen = farPodOf(pod(), 'here', all);
  assert.equal(seen?.podName, 'web');
  assert.deepEqual(seen?.places, [
    { network: 'front', ipv4: '10.1.4.1', names: ['web', 'www', pod().meta.uid.slice(0, 12), 'box'] },
  ]);
});

test('nothing is told of those that are here, not up, on a lost host, or on other networks', () => {
  assert.equal(farPodOf(pod(), 'far', all), undefined);
  assert.equal(farPodOf(pod({}, { phase: 'exited' }), 'here', all), undefined);
  assert.equal(farPodOf(pod(), 'here', { ...all, isThere: () => false }), undefined);
  assert.equal(farPodOf(pod(), 'here', { ...all, isShared: () => false }), undefined);
  assert.equal(farPodOf(pod({ networks: [{ name: 'default', aliases: [] }] }), 'here', all), undefined);
});
