import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Volume } from '@kraud/macro';
import { FakeVolumes, withTables } from '@kraud/testkit';
import { volumePlaces } from './volume-places.ts';

const key = { tenant: 'default', namespace: 'default', name: 'data' };
const volume: Volume = {
  kind: 'Volume',
  meta: {
    ...key,
    uid: 'a'.repeat(64),
    labels: {},
    annotations: {},
    generation: 1,
    finalizers: [],
    createdAt: '2026-01-02T03:04:05.000Z',
  },
  spec: { driver: 'local', options: {}, sizeBytes: 1024, anonymous: false },
  status: {},
  given: {},
};

test('the first host that uses a volume has it, however many try; the others say where it is', async () => {
  await withTables(async (tables) => {
    const [a, b] = [new FakeVolumes(), new FakeVolumes()];
    const place = [volumePlaces('a', tables, a), volumePlaces('b', tables, b)];
    await assert.rejects(place[0]?.(key) ?? assert.fail(), { code: 'not-found' });
    await tables.volumes.create(volume);
    const tried = await Promise.allSettled(place.map((each) => each(key)));
    assert.deepEqual(tried.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    const first = tried[0]?.status === 'fulfilled' ? 0 : 1;
    const [host, driver, other] = first === 0 ? ['a', a, b] : ['b', b, a];
    assert.equal(tables.volumes.get(key)?.status.host, host);
    assert.deepEqual([driver.made.size, other.made.size], [1, 0]);
    await place[first]?.(key);
    await assert.rejects(place[1 - first]?.(key) ?? assert.fail(), {
      code: 'conflict',
      message: `volume data is on the host ${host}`,
    });
  });
});
