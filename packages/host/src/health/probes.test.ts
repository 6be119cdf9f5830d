import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KraudError, systemClock, systemRandom } from '@kraud/base';
import type { PodStatus } from '@kraud/macro';
import { sampleContainer, samplePod } from '@kraud/macro/samples';
import { hostLimits } from '../limits.ts';
import type { HostParts } from '../parts.ts';
import type { Run } from '../pods/run.ts';
import { HealthProbes } from './probes.ts';

test('a guest that is lost in the middle of a probe is a failure of that probe, and nobody else’s', async (t) => {
  const lost = (): never => {
    throw new KraudError('unavailable', 'the connection was lost');
  };
  const exec = async () => ({
    pid: 1,
    output: async function* () {
      yield { stream: 'stdout', data: Buffer.from('so far') };
      lost();
    },
    exit: Promise.resolve().then(lost),
    kill: async () => {},
    detach: () => {},
  });
  const check = {
    test: ['CMD', 'check'],
    intervalMs: 1,
    timeoutMs: 5000,
    startPeriodMs: 0,
    startIntervalMs: 1,
    retries: 1,
  };
  const pod = samplePod('a', { spec: { containers: [sampleContainer({ health: check })] } });
  pod.status.phase = 'running';
  const before = { name: 'main', exitCode: 0, oomKilled: false, error: '' };
  pod.status.containers = [{ ...before, state: 'running' }];
  const run = { serial: 0, startedAtNs: new Map(), ends: new Map(), signal: new AbortController().signal };
  const told = Promise.withResolvers<PodStatus | undefined>();
  const probes = new HealthProbes({
    parts: {
      clock: systemClock,
      random: systemRandom,
      limits: hostLimits,
    } as Partial<HostParts> as HostParts,
    pod,
    run: { ...run, guest: { exec } } as unknown as Run,
    write: async (change) => told.resolve(change(pod)),
  });
  t.after(() => probes.stop());
  probes.start();
  const status = await told.promise;
  assert.equal(status?.containers[0]?.health?.status, 'unhealthy');
  assert.match(status?.containers[0]?.health?.log[0]?.output ?? '', /the connection was lost/);
});
