import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { FakeClock, SeededRandom } from '@kraud/base';
import type { Store } from '../contract.ts';
import { watchUntil } from '../suite/world.ts';
import { openLmdbStore } from './open.ts';

test('what was acknowledged survives SIGKILL, and the log goes on without a gap', async () => {
  const path = await mkdtemp(join(tmpdir(), 'kraud-kill-'));
  const random = new SeededRandom(7);
  try {
    for (let round = 0; round < 6; round += 1) {
      const acked = await writeUntilKilled(path, round, 40 + random.below(1500));
      await using store = openLmdbStore(path);
      await check(store, round, acked);
    }
  } finally {
    await rm(path, { recursive: true });
  }
});

interface Ack {
  readonly lane: number;
  readonly n: number;
  readonly revision: number;
}

async function writeUntilKilled(path: string, round: number, acksMin: number): Promise<Ack[]> {
  const script = join(import.meta.dirname, 'kill-writer.ts');
  const child = spawn(process.execPath, [script, path, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  const acked: Ack[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const [lane = 0, n = 0, revision = 0] = line.split(' ').map(Number);
    acked.push({ lane, n, revision });
    if (acked.length === acksMin) child.kill('SIGKILL');
  }
  await closed;
  assert.ok(acked.length >= acksMin, 'the writer ended by itself');
  return acked;
}

async function check(store: Store, round: number, acked: readonly Ack[]): Promise<void> {
  const last = new Map<number, number>();
  for (const { lane, n, revision } of acked) {
    const { entry } = await store.get(`/acked/${round}/${lane}/${n}`);
    assert.equal(entry?.modRevision, revision, `lost: ${lane} ${n}`);
    assert.equal(entry.value.length, n % 3000);
    last.set(lane, n);
  }
  for (const [lane, n] of last) {
    const { entry } = await store.get(`/lane/${lane}`);
    const [, value] = (entry?.value ?? '').split('.');
    // A transaction on its way may have made it; then both of its keys have.
    assert.ok(Number(value) >= n);
    assert.ok((await store.get(`/acked/${round}/${lane}/${value}`)).entry, 'half a transaction');
  }
  const { entries, revision } = await store.list('/');
  assert.equal(Math.max(...entries.map((entry) => entry.modRevision)), revision);
  assert.ok(revision >= Math.max(...acked.map((ack) => ack.revision)));
  const batches = await watchUntil(store, '/', revision - 10, revision);
  const seen = [...new Set(batches.flatMap((batch) => batch.events.map((event) => event.revision)))];
  assert.deepEqual(
    seen,
    Array.from({ length: 11 }, (_, i) => revision - 10 + i),
  );
}

test('revision, history and leases outlive a restart; a lease has its full time again', async () => {
  const path = await mkdtemp(join(tmpdir(), 'kraud-lmdb-'));
  const clock = new FakeClock();
  try {
    const before = openLmdbStore(path, { clock });
    const lease = await before.lease(10_000);
    const { revision } = await before.txn({
      success: [
        { op: 'put', key: '/a', value: '1' },
        { op: 'put', key: '/l', value: '1', lease: lease.id },
      ],
    });
    await clock.advance(9000);
    await before.close();

    await using after = openLmdbStore(path, { clock });
    assert.equal(await after.revision(), revision);
    assert.equal((await after.get('/a')).entry?.value, '1');
    await clock.advance(9000);
    assert.ok((await after.get('/l')).entry);
    const ended = watchUntil(after, '/l', revision, revision + 1);
    await clock.advance(1000);
    assert.equal((await ended).flatMap((batch) => batch.events).length, 2);
    assert.equal((await after.get('/l')).entry, undefined);
  } finally {
    await rm(path, { recursive: true });
  }
});

test('who opens it last owns it; the one before is refused and changes nothing', async () => {
  const path = await mkdtemp(join(tmpdir(), 'kraud-lmdb-'));
  try {
    const first = openLmdbStore(path);
    await first.txn({ success: [{ op: 'put', key: '/a', value: '1' }] });
    await using second = openLmdbStore(path);
    const { revision } = await second.txn({ success: [{ op: 'put', key: '/a', value: '2' }] });
    const late = first.txn({ success: [{ op: 'put', key: '/a', value: '3' }] });
    await assert.rejects(late, { code: 'conflict' });
    assert.equal((await second.get('/a')).entry?.value, '2');
    assert.equal(await second.revision(), revision);
    await first.close();
  } finally {
    await rm(path, { recursive: true });
  }
});
