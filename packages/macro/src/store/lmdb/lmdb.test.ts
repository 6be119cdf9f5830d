import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@kraud/base';
import { storeSuite } from '../suite/index.ts';
import { openLmdbStore } from './open.ts';

storeSuite('lmdb', async () => {
  const path = await mkdtemp(join(tmpdir(), 'kraud-lmdb-'));
  const clock = new FakeClock();
  const store = openLmdbStore(path, { clock });
  return {
    store,
    advance: (ms) => clock.advance(ms),
    [Symbol.asyncDispose]: async () => {
      await store.close();
      await rm(path, { recursive: true });
    },
  };
});
