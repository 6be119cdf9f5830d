import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Workload } from '../model/index.ts';
import { podFor } from './pod.ts';
import { sampleSpec, WorkloadSim } from './sim.ts';

test('what a workload is called on a network is its pods’ only where it has no address or name itself', () => {
  const aliasesWith = (more: Partial<Workload['spec']>): readonly string[] | undefined => {
    const spec = sampleSpec(more);
    spec.template.spec.networks = [{ name: 'front', aliases: ['web', 'www'] }];
    const { workload } = new WorkloadSim(spec);
    assert.ok(workload);
    const revision = { number: 1, hash: 'h', spec, given: {}, createdAt: '' };
    const pod = podFor(workload, { slot: '1', attempt: 1, revision, restarts: [] }, 0);
    return pod.spec.networks[0]?.aliases;
  };
  assert.deepEqual(aliasesWith({}), ['web', 'www']);
  assert.deepEqual(aliasesWith({ endpoint: 'virtual' }), []);
  assert.deepEqual(aliasesWith({ endpoint: 'pods' }), []);
});
