import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventsOf, type OpenWorld, put, remove, show, watchUntil } from './world.ts';

export function watchSuite(open: OpenWorld): void {
  describe('watches', () => {
    test('from an old revision: every event under the prefix, in order, with what was before', async () => {
      await using world = await open();
      const { store } = world;
      const r = await put(store, '/a/1', 'x');
      await put(store, '/b/1', 'other');
      await put(store, '/a/1', 'y');
      await remove(store, '/a/1');
      await put(store, '/a/1', 'z');
      const events = eventsOf(await watchUntil(store, '/a/', r, r + 4));
      assert.deepEqual(events.map(show), [
        `put /a/1=x@${r}`,
        `put /a/1=y@${r + 2} was x`,
        `delete /a/1@${r + 3} was y`,
        `put /a/1=z@${r + 4}`,
      ]);
      const last = events.at(-1);
      assert.ok(last?.type === 'put');
      assert.equal(last.entry.version, 1);
      assert.equal(last.entry.createRevision, r + 4);
    });

    test('starts in the middle without what came before', async () => {
      await using world = await open();
      const { store } = world;
      const r = await put(store, '/a', '1');
      await put(store, '/a', '2');
      const events = eventsOf(await watchUntil(store, '/', r + 1, r + 1));
      assert.deepEqual(events.map(show), [`put /a=2@${r + 1} was 1`]);
    });

    test('a revision is never split between batches', async () => {
      await using world = await open();
      const { store } = world;
      const from = (await store.revision()) + 1;
      for (let i = 0; i < 20; i += 1) {
        await store.txn({
          success: Array.from(
            { length: 100 },
            (_, n) => ({ op: 'put', key: `/k/${n}`, value: `${i}` }) as const,
          ),
        });
      }
      const batches = await watchUntil(store, '/k/', from, from + 19);
      const seen = new Set<number>();
      for (const batch of batches) {
        const revisions = new Set(batch.events.map((event) => event.revision));
        for (const revision of revisions) {
          assert.ok(!seen.has(revision), `revision ${revision} came twice`);
          assert.equal(batch.events.filter((event) => event.revision === revision).length, 100);
          seen.add(revision);
        }
      }
      assert.equal(seen.size, 20);
      assert.deepEqual(
        eventsOf(batches)
          .slice(0, 3)
          .map((event) => event.key),
        ['/k/0', '/k/1', '/k/2'],
      );
    });

    test('live: many writers, several watchers, all see the same', async () => {
      await using world = await open();
      const { store } = world;
      const from = (await store.revision()) + 1;
      const through = from + 99;
      const watchers = [0, 1, 2].map(() => watchUntil(store, '/', from, through));
      await Promise.all(Array.from({ length: 100 }, (_, i) => put(store, `/k/${i % 7}`, String(i))));
      for (const batches of await Promise.all(watchers)) {
        assert.deepEqual(
          eventsOf(batches).map((event) => event.revision),
          Array.from({ length: 100 }, (_, i) => from + i),
        );
      }
    });

    test('a revision in the future is waited for', async () => {
      await using world = await open();
      const { store } = world;
      const r = await store.revision();
      const watched = watchUntil(store, '/', r + 3, r + 3);
      for (const value of ['1', '2', '3']) await put(store, '/a', value);
      assert.deepEqual(eventsOf(await watched).map(show), [`put /a=3@${r + 3} was 2`]);
    });

    test('list and watch join without gap or repeat while others write', async () => {
      await using world = await open();
      const { store } = world;
      const writers = Array.from({ length: 50 }, (_, i) => put(store, `/k/${i}`, 'x'));
      await writers[10];
      const { entries, revision } = await store.list('/k/');
      await Promise.all(writers);
      const last = await store.revision();
      const events = revision < last ? eventsOf(await watchUntil(store, '/k/', revision + 1, last)) : [];
      const keys = [...entries.map((entry) => entry.key), ...events.map((event) => event.key)];
      assert.equal(keys.length, 50);
      assert.equal(new Set(keys).size, 50);
    });

    test('a watcher that reads slowly gets everything all the same', async () => {
      await using world = await open();
      const { store } = world;
      const from = (await store.revision()) + 1;
      const through = from + 299;
      const stop = new AbortController();
      const seen: number[] = [];
      let wrote: Promise<unknown> | undefined;
      const watch = store.watch('/', { fromRevision: from, signal: stop.signal });
      await put(store, '/k', 'first');
      for await (const batch of watch) {
        // The rest is written while the reader sits on its first batch.
        wrote ??= Promise.all(Array.from({ length: 299 }, (_, i) => put(store, '/k', String(i))));
        await wrote;
        seen.push(...batch.events.map((event) => event.revision));
        if (batch.revision >= through) stop.abort();
      }
      assert.deepEqual(
        seen,
        Array.from({ length: 300 }, (_, i) => from + i),
      );
    });

    test('bookmarks tell how far an untouched prefix is', async () => {
      await using world = await open();
      const { store } = world;
      const from = (await store.revision()) + 1;
      const revision = await put(store, '/other', '');
      const batches = await watchUntil(store, '/mine/', from, revision);
      assert.deepEqual(eventsOf(batches), []);
      assert.ok((batches.at(-1)?.revision ?? 0) >= revision);
    });

    test('ends without an error when aborted, before or while it waits, and when the store closes', async () => {
      await using world = await open();
      const { store } = world;
      const fromRevision = (await store.revision()) + 1;
      const drain = async (signal?: AbortSignal): Promise<number> => {
        let batches = 0;
        for await (const _ of store.watch('/', { fromRevision, ...(signal ? { signal } : {}) })) batches += 1;
        return batches;
      };
      assert.equal(await drain(AbortSignal.abort()), 0);
      const stop = new AbortController();
      const waiting = drain(stop.signal);
      const untilClosed = drain();
      await put(store, '/a', '');
      stop.abort();
      assert.ok((await waiting) <= 1);
      await store.close();
      await untilClosed;
    });
  });
}
