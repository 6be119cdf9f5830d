import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { FakeClock, SeededRandom, silentLogger } from '@kraud/base';
import { ImageStore, type ImageStoreOptions } from '../image-store.ts';

export async function tempDir(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'kraud-images-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** A store in a directory that goes with the test; its clock stands at one moment, so results don't differ. */
export async function openStore(
  t: TestContext,
  options: Partial<ImageStoreOptions> = {},
): Promise<ImageStore> {
  return await ImageStore.open({
    dir: options.dir ?? (await tempDir(t)),
    clock: new FakeClock(),
    random: new SeededRandom(1),
    logger: silentLogger,
    ...options,
  });
}
