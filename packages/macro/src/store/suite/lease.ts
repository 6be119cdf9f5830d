import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventsOf, type OpenWorld, put, watchUntil } from './world.ts';

/** Long enough for an engine that rounds up to whole seconds. */
const ttlMs = 2000;

export function leaseSuite(open: OpenWorld): void {
  describe('leases', () => {
    test('keys go in one revision when it ends, unless they were detached', async () => {
      await using world = await open();
      const { store } = world;
      const lease = await store.lease(ttlMs);
      assert.ok(lease.ttlMs >= ttlMs);
      for (const key of ['/l/1', '/l/2', '/l/3']) {
        await store.txn({ success: [{ op: 'put', key, value: 'x', lease: lease.id }] });
      }
      assert.equal((await store.get('/l/1')).entry?.lease, lease.id);
      const kept = await put(store, '/l/3', 'detached');
      const ended = watchUntil(store, '/l/', kept + 1, kept + 1);
      await world.advance(lease.ttlMs + 1000);
      const events = eventsOf(await ended);
      assert.deepEqual(events.map((event) => `${event.type} ${event.key}`).sort(), [
        'delete /l/1',
        'delete /l/2',
      ]);
      assert.equal(new Set(events.map((event) => event.revision)).size, 1);
      assert.equal((await store.get('/l/3')).entry?.lease, undefined);
      await assert.rejects(lease.keepAlive(), { code: 'not-found' });
    });

    test('lives as long as it is kept alive', async () => {
      await using world = await open();
      const { store } = world;
      const lease = await store.lease(ttlMs);
      await store.txn({ success: [{ op: 'put', key: '/l', value: 'x', lease: lease.id }] });
      for (let i = 0; i < 4; i += 1) {
        await world.advance(lease.ttlMs * 0.6);
        await lease.keepAlive();
      }
      assert.ok((await store.get('/l')).entry);
    });

    test('revoking ends it at once, and twice is no error', async () => {
      await using world = await open();
      const { store } = world;
      const lease = await store.lease(60_000);
      await store.txn({ success: [{ op: 'put', key: '/l', value: 'x', lease: lease.id }] });
      await lease.revoke();
      assert.equal((await store.get('/l')).entry, undefined);
      await lease.revoke();
      await assert.rejects(lease.keepAlive(), { code: 'not-found' });
    });

    test('a key that moved to another lease outlives the first', async () => {
      await using world = await open();
      const { store } = world;
      const first = await store.lease(60_000);
      const second = await store.lease(60_000);
      await store.txn({ success: [{ op: 'put', key: '/l', value: '1', lease: first.id }] });
      await store.txn({ success: [{ op: 'put', key: '/l', value: '2', lease: second.id }] });
      await first.revoke();
      assert.equal((await store.get('/l')).entry?.value, '2');
      await second.revoke();
      assert.equal((await store.get('/l')).entry, undefined);
    });

    test('putting with a lease that has ended changes nothing', async () => {
      await using world = await open();
      const { store } = world;
      const lease = await store.lease(60_000);
      await lease.revoke();
      const revision = await store.revision();
      await assert.rejects(
        store.txn({
          success: [
            { op: 'put', key: '/a', value: 'x' },
            { op: 'put', key: '/l', value: 'x', lease: lease.id },
          ],
        }),
        { code: 'not-found' },
      );
      assert.equal(await store.revision(), revision);
      assert.equal((await store.get('/a')).entry, undefined);
    });
  });
}
