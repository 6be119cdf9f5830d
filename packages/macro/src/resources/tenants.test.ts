import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { newId, SeededRandom, silentLogger, systemClock } from '@kraud/base';
import { encode } from '../model/encoding.ts';
import type { Kinds } from '../model/index.ts';
import { keyOf } from '../model/keys.ts';
import { openLmdbStore } from '../store/lmdb/open.ts';
import { Tables } from './tables.ts';

const tenants = 10_000;
const bytesMax = 4096;

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** What a tenant has before it does anything: itself and its namespace. */
function emptyTenant(name: string, uid: () => string): [Kinds['Tenant'], Kinds['Namespace']] {
  const meta = {
    labels: {},
    annotations: {},
    generation: 1,
    finalizers: [],
    createdAt: '2026-01-01T00:00:00.000Z',
  };
  const rest = { status: {}, given: {} };
  return [
    {
      kind: 'Tenant',
      meta: { ...meta, uid: uid(), tenant: name, namespace: 'default', name },
      spec: { local: false },
      ...rest,
    },
    {
      kind: 'Namespace',
      meta: { ...meta, uid: uid(), tenant: name, namespace: 'default', name: 'default' },
      spec: {},
      ...rest,
    },
  ];
}

test('an empty tenant costs less than 4 KiB of memory', async (t) => {
  const path = mkdtempSync(join(tmpdir(), 'kraud-tenants-'));
  try {
    await using store = openLmdbStore(path);
    const random = new SeededRandom(1);
    for (let first = 0; first < tenants; first += 50) {
      await store.txn({
        success: Array.from({ length: 50 }, (_, i) =>
          emptyTenant(`t${first + i}`, () => newId(random)),
        ).flatMap((resources) =>
          resources.map(
            (one) => ({ op: 'put', key: keyOf(one.kind, one.meta), value: encode(one) }) as const,
          ),
        ),
      });
    }
    const stop = new AbortController();
    const tables = new Tables({ store, clock: systemClock, logger: silentLogger });
    collect();
    const before = process.memoryUsage().heapUsed;
    const running = tables.run(stop.signal);
    await tables.ready();
    collect();
    const each = Math.round((process.memoryUsage().heapUsed - before) / tenants);
    t.diagnostic(`${each} bytes a tenant`);
    assert.equal(tables.tenants.cache.list().length, tenants);
    assert.ok(each < bytesMax, `${each} bytes a tenant`);
    stop.abort();
    await running;
  } finally {
    rmSync(path, { recursive: true });
  }
});
