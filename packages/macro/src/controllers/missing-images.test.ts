import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, silentLogger } from '@kraud/base';
import { newWorkloadStatus, noImage, type Workload } from '../model/index.ts';
import { sampleMeta } from '../model/samples.ts';
import { Tables } from '../resources/tables.ts';
import { openMemoryStore } from '../store/memory/open.ts';
import { sampleSpec } from '../workloads/sim.ts';
import { MissingImages, missingImageDefaults } from './missing-images.ts';

const workload = (name: string, asked?: unknown): Workload => {
  const spec = sampleSpec();
  const template = { ...spec.template, ...(asked === undefined ? {} : { asked }) };
  const meta = sampleMeta('Workload', name);
  return { kind: 'Workload', meta, spec: { ...spec, template }, status: newWorkloadStatus(), given: {} };
};

test('an image that is missing is asked for at once, from time to time, and when one has come', async () => {
  const clock = new FakeClock();
  const store = openMemoryStore({ clock });
  const tables = new Tables({ store, clock, logger: silentLogger });
  const stop = new AbortController();
  const running = [tables.run(stop.signal)];
  await tables.ready();
  const asked: string[] = [];
  let there = false;
  const settle = async (): Promise<void> => {
    for (let turns = 0; turns < 20; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  const findImage = async ({ meta }: { meta: { name: string } }): Promise<boolean> => {
    asked.push(meta.name);
    return there;
  };
  running.push(new MissingImages({ tables, findImage, clock, logger: silentLogger }).run(stop.signal));
  const lacking = workload('lacking', { any: 'thing' });
  await tables.workloads.create(workload('whole'));
  await tables.workloads.create(lacking);
  await settle();
  assert.deepEqual(asked, ['lacking']);
  await tables.workloads.mutate(lacking.meta, (found) => ({
    ...found,
    status: { ...found.status, running: 1 },
  }));
  await settle();
  assert.equal(asked.length, 1, 'what is only seen changes nothing');
  await clock.advance(missingImageDefaults.askEveryMs);
  await settle();
  assert.equal(asked.length, 2);
  there = true;
  const id = noImage.replaceAll('0', 'a');
  await tables.images.create({
    kind: 'Image',
    meta: sampleMeta('Image', id),
    spec: { id, tags: [], digests: [] },
    status: { sizeBytes: 1 },
    given: {},
  });
  await settle();
  assert.equal(asked.length, 3);
  stop.abort();
  await Promise.all(running);
  await store.close();
});
