import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CompactedError } from '../contract.ts';
import { eventsOf, type OpenWorld, put, remove, show, watchUntil } from './world.ts';

export function compactSuite(open: OpenWorld): void {
  describe('compaction', () => {
    test('what is present stays; the state at it and all after it can be read; older is gone', async () => {
      await using world = await open();
      const { store } = world;
      const r = await put(store, '/a', '1');
      await put(store, '/a', '2');
      await put(store, '/gone', 'x');
      await remove(store, '/gone');
      await put(store, '/keep', 'old');
      const at = await put(store, '/a', '3');
      await put(store, '/a', '4');
      await remove(store, '/keep');
      await store.compact(at);

      assert.equal((await store.get('/a')).entry?.value, '4');
      assert.equal((await store.get('/a')).entry?.createRevision, r);
      const then = await store.list('/', { revision: at });
      assert.deepEqual(
        then.entries.map((entry) => `${entry.key}=${entry.value}`),
        ['/a=3', '/keep=old'],
      );
      const compacted = (error: unknown): boolean => {
        assert.ok(error instanceof CompactedError);
        assert.equal(error.compactRevision, at);
        return true;
      };
      await assert.rejects(store.get('/a', { revision: at - 1 }), compacted);
      await assert.rejects(store.list('/', { revision: at - 1 }), compacted);
      await assert.rejects(watchUntil(store, '/', r, at + 2), compacted);
      await assert.rejects(watchUntil(store, '/', at, at + 2), compacted);
      const events = eventsOf(await watchUntil(store, '/', at + 1, at + 2));
      assert.deepEqual(events.map(show), [`put /a=4@${at + 1} was 3`, `delete /keep@${at + 2} was old`]);
    });

    test('again and again, up to the present, and idempotent', async () => {
      await using world = await open();
      const { store } = world;
      for (let round = 0; round < 5; round += 1) {
        for (let i = 0; i < 10; i += 1) await put(store, `/k/${i % 3}`, `${round}.${i}`);
        await remove(store, '/k/2');
        const revision = await store.revision();
        await store.compact(revision - 3);
        await store.compact(revision);
        await store.compact(revision);
        await store.compact(revision - 3);
        const { entries } = await store.list('/k/');
        assert.deepEqual(
          entries.map((entry) => entry.value),
          [`${round}.9`, `${round}.7`],
        );
        assert.deepEqual((await store.list('/k/', { revision })).entries, entries);
      }
      await assert.rejects(store.compact((await store.revision()) + 1), { code: 'invalid' });
    });

    test('a watcher that compaction overtakes is told, and one that waits at the end is not disturbed', async () => {
      await using world = await open();
      const { store } = world;
      const fromRevision = (await store.revision()) + 1;
      const waiting = watchUntil(store, '/late', fromRevision, fromRevision + 21);
      const slow = async (): Promise<void> => {
        let done = false;
        for await (const batch of store.watch('/', { fromRevision })) {
          assert.ok(batch.events.length > 0);
          if (!done) {
            for (let i = 0; i < 20; i += 1) await put(store, '/k', String(i));
            await store.compact(await store.revision());
          }
          done = true;
        }
      };
      const lagging = slow();
      await put(store, '/k', '');
      await assert.rejects(lagging, CompactedError);
      await put(store, '/k', 'after');
      assert.deepEqual(eventsOf(await waiting), []);
    });
  });
}
