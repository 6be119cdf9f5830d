import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type OpenWorld, put, remove } from './world.ts';

export function readSuite(open: OpenWorld): void {
  describe('reads', () => {
    test('a key that was never put has no entry, and the answer has a revision', async () => {
      await using world = await open();
      const { entry, revision } = await world.store.get('/none');
      assert.equal(entry, undefined);
      assert.ok(revision >= 1);
    });

    test('an entry carries its revisions and version; a delete starts them anew', async () => {
      await using world = await open();
      const { store } = world;
      const first = await put(store, '/a', '1');
      const second = await put(store, '/a', '2');
      assert.deepEqual((await store.get('/a')).entry, {
        key: '/a',
        value: '2',
        createRevision: first,
        modRevision: second,
        version: 2,
      });
      await remove(store, '/a');
      assert.equal((await store.get('/a')).entry, undefined);
      const fourth = await put(store, '/a', '3');
      assert.deepEqual((await store.get('/a')).entry, {
        key: '/a',
        value: '3',
        createRevision: fourth,
        modRevision: fourth,
        version: 1,
      });
    });

    test('list is in byte order and stays inside its prefix', async () => {
      await using world = await open();
      const { store } = world;
      for (const key of ['/b/2', '/a/1', '/b/10', '/b', '/b~', '/c', '/b/A', '/b/a', '/b/a/x']) {
        await put(store, key, key);
      }
      const keys = (await store.list('/b/')).entries.map((entry) => entry.key);
      assert.deepEqual(keys, ['/b/10', '/b/2', '/b/A', '/b/a', '/b/a/x']);
      assert.equal((await store.list('')).entries.length, 9);
      assert.deepEqual((await store.list('/none/')).entries, []);
    });

    test('pages of one revision join to the whole, whatever is written between them', async () => {
      await using world = await open();
      const { store } = world;
      for (let i = 0; i < 10; i += 1) await put(store, `/p/${i}`, 'old');
      const seen: string[] = [];
      const first = await store.list('/p/', { limit: 3 });
      assert.equal(first.more, true);
      seen.push(...first.entries.map((entry) => `${entry.key}=${entry.value}`));
      await put(store, '/p/4', 'new');
      await remove(store, '/p/5');
      await remove(store, '/p/9');
      await put(store, '/p/55', 'new');
      for (let after = first.entries.at(-1)?.key; after !== undefined; ) {
        const page = await store.list('/p/', { limit: 3, after, revision: first.revision });
        seen.push(...page.entries.map((entry) => `${entry.key}=${entry.value}`));
        after = page.more ? page.entries.at(-1)?.key : undefined;
      }
      assert.deepEqual(
        seen,
        Array.from({ length: 10 }, (_, i) => `/p/${i}=old`),
      );
    });

    test('get and list answer as of an older revision', async () => {
      await using world = await open();
      const { store } = world;
      const one = await put(store, '/a', '1');
      const two = await put(store, '/a', '2');
      const three = await remove(store, '/a');
      const four = await put(store, '/b', '1');
      assert.equal((await store.get('/a', { revision: one })).entry?.value, '1');
      assert.equal((await store.get('/a', { revision: two })).entry?.value, '2');
      assert.equal((await store.get('/a', { revision: three })).entry, undefined);
      assert.equal((await store.get('/b', { revision: three })).entry, undefined);
      assert.equal((await store.get('/a', { revision: one })).revision, four);
      const old = await store.list('/', { revision: two });
      assert.deepEqual(
        old.entries.map((entry) => [entry.key, entry.value, entry.modRevision, entry.version]),
        [['/a', '2', two, 2]],
      );
    });

    test('a future revision and bad keys are refused', async () => {
      await using world = await open();
      const { store } = world;
      const revision = await store.revision();
      await assert.rejects(store.get('/a', { revision: revision + 1 }), { code: 'invalid' });
      await assert.rejects(store.list('/', { revision: revision + 1 }), { code: 'invalid' });
      for (const key of ['', 'a b', 'ü', 'a\n', 'x'.repeat(1025)]) {
        await assert.rejects(store.get(key), { code: 'invalid' }, JSON.stringify(key));
      }
    });

    test('values are kept to the character', async () => {
      await using world = await open();
      const { store } = world;
      for (const value of ['', '{"a":"ü€😀\\u0000"}', 'x'.repeat(1024 * 1024)]) {
        await put(store, '/v', value);
        assert.equal((await store.get('/v')).entry?.value, value);
      }
    });
  });
}
