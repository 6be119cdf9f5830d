import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Host } from '../../model/index.ts';
import { sampleHost, samplePod } from '../../model/samples.ts';
import { SmallWorld } from '../small-world.ts';

const run = { wanted: 'running', serial: 1, stoppedByUser: false } as const;
const alpha = { tenant: 'default', namespace: 'default', name: 'alpha' };

const ways: [string, Host['spec'], RegExp][] = [
  ['a drain', { cordoned: true, drained: true }, /host alpha is drained/],
  [
    'a taint that evicts',
    { cordoned: false, taints: [{ key: 'disk', value: 'old', effect: 'evict' }] },
    /host alpha evicts by its taint disk=old/,
  ],
];

for (const [name, spec, reason] of ways) {
  test(`${name} makes a running pod leave, and spares what does not run`, async () => {
    const world = new SmallWorld();
    await world.start();
    const { pods, hosts } = world.tables;
    world.runHost(() => ({ lastsMs: 10 ** 9, code: 0 }));
    world.runControllers();
    const restart = { name: 'always', retriesMax: 0 } as const;
    const goes = await pods.create(samplePod('goes', { spec: { run, restart } }));
    const stays = await pods.create(samplePod('stays'));
    const tolerant = await pods.create(
      samplePod('tolerant', {
        spec: {
          run,
          restart,
          placement: {
            band: 'production',
            constraints: [],
            prefer: [],
            near: [],
            far: [],
            tolerations: [{ key: 'disk' }],
            spread: [],
          },
        },
      }),
    );
    const isUp = (key: typeof goes): boolean => pods.get(key.meta)?.status.phase === 'running';
    await world.until(() => isUp(goes) && isUp(tolerant));
    await hosts.mutate(alpha, (host) => ({ ...host, spec }));
    await world.until(() => pods.get(goes.meta)?.spec.host === undefined);
    await hosts.create(sampleHost('beta'));
    await world.until(() => pods.get(goes.meta)?.spec.host === 'beta');
    const moved = pods.get(goes.meta);
    assert.equal(moved?.spec.run.serial, 2);
    assert.match(moved?.meta.annotations['kraud.dev/displaced'] ?? '', reason);
    assert.equal(pods.get(stays.meta)?.spec.host, 'alpha');
    assert.equal(pods.get(tolerant.meta)?.spec.host, spec.drained ? 'beta' : 'alpha');
    await world.stop();
  });
}
