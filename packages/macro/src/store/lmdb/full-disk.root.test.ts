import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { KraudError } from '@kraud/base';
import { openLmdbStore } from './open.ts';

test('a full disk refuses writes by name, loses nothing, and works again with room', async () => {
  const mount = await mkdtemp(join(tmpdir(), 'kraud-full-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'kraud-full', mount]);
  try {
    const path = join(mount, 'store');
    const store = openLmdbStore(path);
    const value = 'x'.repeat(20_000);
    const written: string[] = [];
    const fault = await (async () => {
      for (let i = 0; i < 1000; i += 1) {
        try {
          await store.txn({ success: [{ op: 'put', key: `/k/${i}`, value }] });
          written.push(`/k/${i}`);
        } catch (error) {
          return error;
        }
      }
      return undefined;
    })();
    assert.ok(fault instanceof KraudError, String(fault));
    assert.equal(fault.code, 'exhausted');
    assert.ok(written.length > 10);
    const { entries, revision } = await store.list('/k/');
    assert.deepEqual(entries.map((entry) => entry.key).sort(), [...written].sort());
    await assert.rejects(store.txn({ success: [{ op: 'put', key: '/more', value }] }), { code: 'exhausted' });
    assert.equal(await store.revision(), revision);

    execFileSync('mount', ['-o', 'remount,size=8m', mount]);
    await store.txn({ success: [{ op: 'put', key: '/more', value }] });
    await store.close();

    await using again = openLmdbStore(path);
    assert.equal(await again.revision(), revision + 1);
    assert.equal((await again.list('/')).entries.length, written.length + 1);
  } finally {
    execFileSync('umount', ['-l', mount]);
    await rm(mount, { recursive: true });
  }
});

test('what the disk has no room to begin with is refused too', async () => {
  const mount = await mkdtemp(join(tmpdir(), 'kraud-full-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'kraud-full', mount]);
  try {
    await writeFile(join(mount, 'filler'), 'x'.repeat(65_536));
    assert.throws(() => openLmdbStore(join(mount, 'store')), { code: 'exhausted' });
  } finally {
    execFileSync('umount', ['-l', mount]);
    await rm(mount, { recursive: true });
  }
});
