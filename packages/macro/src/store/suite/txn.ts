import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Compare } from '../contract.ts';
import { type OpenWorld, put, remove } from './world.ts';

export function txnSuite(open: OpenWorld): void {
  describe('transactions', () => {
    test('however much it changes, it takes one revision; nothing changed takes none', async () => {
      await using world = await open();
      const { store } = world;
      const before = await store.revision();
      const both = await store.txn({
        success: [
          { op: 'put', key: '/a', value: '1' },
          { op: 'put', key: '/b', value: '2' },
        ],
      });
      assert.equal(both.revision, before + 1);
      const { entries } = await store.list('/');
      assert.deepEqual(
        entries.map((entry) => entry.modRevision),
        [before + 1, before + 1],
      );
      const none = await store.txn({
        success: [
          { op: 'delete', key: '/none' },
          { op: 'get', key: '/a' },
          { op: 'deletePrefix', prefix: '/none/' },
        ],
      });
      assert.equal(none.revision, before + 1);
      assert.equal(await store.revision(), before + 1);
    });

    test('operations see the ones before them, and answer what was there', async () => {
      await using world = await open();
      const { store } = world;
      const first = await put(store, '/a', '1');
      const result = await store.txn({
        success: [
          { op: 'put', key: '/a', value: '2' },
          { op: 'get', key: '/a' },
          { op: 'delete', key: '/none' },
          { op: 'put', key: '/x/1', value: 'x' },
        ],
      });
      const [replaced, read, gone, made] = result.responses;
      assert.deepEqual(replaced, {
        op: 'put',
        prev: { key: '/a', value: '1', createRevision: first, modRevision: first, version: 1 },
      });
      assert.deepEqual(read, {
        op: 'get',
        entry: { key: '/a', value: '2', createRevision: first, modRevision: first + 1, version: 2 },
      });
      assert.deepEqual(gone, { op: 'delete', deleted: [] });
      assert.deepEqual(made, { op: 'put' });
    });

    test('deletePrefix deletes what is under it and nothing else', async () => {
      await using world = await open();
      const { store } = world;
      for (const key of ['/x/1', '/x/2', '/xy', '/y']) await put(store, key, key);
      const { responses, revision } = await store.txn({ success: [{ op: 'deletePrefix', prefix: '/x/' }] });
      const [deleted] = responses;
      assert.ok(deleted?.op === 'deletePrefix');
      assert.deepEqual(
        deleted.deleted.map((entry) => entry.key),
        ['/x/1', '/x/2'],
      );
      const left = await store.list('/');
      assert.deepEqual(
        left.entries.map((entry) => entry.key),
        ['/xy', '/y'],
      );
      assert.equal(left.revision, revision);
    });

    test('each comparison, on a key that is there and on one that is not', async () => {
      await using world = await open();
      const { store } = world;
      const created = await put(store, '/a', '1');
      const changed = await put(store, '/a', '2');
      const table: [Compare, boolean][] = [
        [{ key: '/a', target: 'exists', is: true }, true],
        [{ key: '/a', target: 'exists', is: false }, false],
        [{ key: '/none', target: 'exists', is: false }, true],
        [{ key: '/a', target: 'modRevision', op: '=', to: changed }, true],
        [{ key: '/a', target: 'modRevision', op: '=', to: created }, false],
        [{ key: '/a', target: 'createRevision', op: '=', to: created }, true],
        [{ key: '/a', target: 'version', op: '=', to: 2 }, true],
        [{ key: '/a', target: 'version', op: '!=', to: 2 }, false],
        [{ key: '/a', target: 'version', op: '<', to: 3 }, true],
        [{ key: '/a', target: 'version', op: '>', to: 2 }, false],
        [{ key: '/none', target: 'version', op: '=', to: 0 }, true],
        [{ key: '/none', target: 'modRevision', op: '<', to: 1 }, true],
        [{ key: '/a', target: 'value', op: '=', to: '2' }, true],
        [{ key: '/a', target: 'value', op: '!=', to: '2' }, false],
        [{ key: '/a', target: 'value', op: '!=', to: '1' }, true],
        [{ key: '/none', target: 'value', op: '=', to: '' }, false],
        [{ key: '/none', target: 'value', op: '!=', to: '' }, false],
      ];
      for (const [compare, holds] of table) {
        const { succeeded } = await store.txn({ compare: [compare], success: [] });
        assert.equal(succeeded, holds, JSON.stringify(compare));
      }
    });

    test('all comparisons must hold; else the other branch is taken', async () => {
      await using world = await open();
      const { store } = world;
      await put(store, '/a', '1');
      const result = await store.txn({
        compare: [
          { key: '/a', target: 'exists', is: true },
          { key: '/b', target: 'exists', is: true },
        ],
        success: [{ op: 'put', key: '/then', value: '' }],
        failure: [{ op: 'put', key: '/else', value: '' }],
      });
      assert.equal(result.succeeded, false);
      assert.equal((await store.get('/then')).entry, undefined);
      assert.equal((await store.get('/else')).entry?.modRevision, result.revision);
    });

    test('changing a key twice is refused and changes nothing', async () => {
      await using world = await open();
      const { store } = world;
      const revision = await put(store, '/a/1', '1');
      const putA = { op: 'put', key: '/a/1', value: '2' } as const;
      const twice = { code: 'invalid' };
      await assert.rejects(store.txn({ success: [putA, putA] }), twice);
      await assert.rejects(store.txn({ success: [putA, { op: 'delete', key: '/a/1' }] }), twice);
      await assert.rejects(store.txn({ success: [{ op: 'deletePrefix', prefix: '/a' }, putA] }), twice);
      await assert.rejects(store.txn({ success: [], failure: [putA, putA] }), twice);
      const value = 'x'.repeat(1024 * 1024 + 1);
      await assert.rejects(store.txn({ success: [putA, { op: 'put', key: '/big', value }] }), twice);
      const gets = Array.from({ length: 129 }, () => ({ op: 'get', key: '/a' }) as const);
      await assert.rejects(store.txn({ success: gets }), twice);
      assert.equal((await store.get('/a/1')).entry?.value, '1');
      assert.equal(await store.revision(), revision);
    });

    test('of many that race for one key, one wins each round', async () => {
      await using world = await open();
      const { store } = world;
      for (let round = 0; round < 5; round += 1) {
        const racers = Array.from({ length: 20 }, (_, i) =>
          store.txn({
            compare: [{ key: '/lock', target: 'exists', is: false }],
            success: [{ op: 'put', key: '/lock', value: String(i) }],
          }),
        );
        const results = await Promise.all(racers);
        assert.equal(results.filter((result) => result.succeeded).length, 1);
        await remove(store, '/lock');
      }
    });

    test('concurrent increments with retry lose nothing', async () => {
      await using world = await open();
      const { store } = world;
      await put(store, '/n', '0');
      const increment = async (): Promise<void> => {
        for (;;) {
          const { entry } = await store.get('/n');
          assert.ok(entry);
          const { succeeded } = await store.txn({
            compare: [{ key: '/n', target: 'modRevision', op: '=', to: entry.modRevision }],
            success: [{ op: 'put', key: '/n', value: String(Number(entry.value) + 1) }],
          });
          if (succeeded) return;
        }
      };
      await Promise.all(Array.from({ length: 10 }, increment));
      assert.equal((await store.get('/n')).entry?.value, '10');
    });

    test('a closed store refuses', async () => {
      await using world = await open();
      const { store } = world;
      const last = store.txn({ success: [{ op: 'put', key: '/a', value: '' }] });
      const closed = store.close();
      await last;
      await closed;
      await assert.rejects(store.get('/a'), { code: 'unavailable' });
      await assert.rejects(store.txn({ success: [] }), { code: 'unavailable' });
    });
  });
}
