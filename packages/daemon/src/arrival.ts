import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, codeOf, type Logger, newId, type Random } from '@kraud/base';
import { cloudOf, type IdentityFiles, type SavedIdentity } from '@kraud/host';
import { type Image, openLmdbStore, ResourceClient, type Store, type Table, type Tables } from '@kraud/macro';
import type { Place } from './join.ts';
import { openStore, type StoreLimits } from './store.ts';

/** The embedded store of a cloud of one, and the one that a host which leaves has ready for its own cloud. */
const [storeDir, nextDir, oldDir] = ['store', 'store.next', 'store.old'];
const volumesDir = 'volumes';

export interface CarryParts {
  readonly limits: StoreLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const cloudDigits = 16;
/** Where a host that left a cloud keeps the volumes that it had there. */
const asideOf = (dataDir: string, cloud: string): string =>
  join(dataDir, `volumes.of-${cloud.slice(0, cloudDigits)}`);

/**
 * At the first start after a join: takes the images of the cloud that this host was before over into its new one, and
 * forgets the rest. Volumes that it had in the new one before it left that are there again. Cut off anywhere, the next start
 * goes on.
 */
export async function unpackArrival(
  place: Place,
  dataDir: string,
  parts: CarryParts & { tables: Pick<Tables, 'images'> },
): Promise<void> {
  const { tables, limits, clock, random, logger } = parts;
  const [store, old] = [join(dataDir, storeDir), join(dataDir, oldDir)];
  if (place.arrives && existsSync(store)) {
    const before = await openStore({ kind: 'embedded', path: store }, limits, { clock, random, logger });
    try {
      const { resources } = await new ResourceClient('Image', { store: before, clock }).list();
      await carryImages(resources, tables.images, parts);
      logger.info({ images: resources.length }, 'images came along');
    } finally {
      await before.close();
    }
    await rm(old, { recursive: true, force: true });
    await rename(store, old);
  }
  if (!place.arrives) return;
  await rm(old, { recursive: true, force: true });
  if (place.cloud !== undefined) await bringBackVolumes(dataDir, asideOf(dataDir, place.cloud));
}

/** Who joins has no volumes of its own; what is there all the same is kept beside them. */
async function bringBackVolumes(dataDir: string, aside: string): Promise<void> {
  if (!existsSync(aside)) return;
  const volumes = join(dataDir, volumesDir);
  await setAside(volumes, `${volumes}.${Date.now()}`);
  await rename(aside, volumes);
}

async function setAside(path: string, aside: string): Promise<void> {
  if (existsSync(path)) await rename(path, existsSync(aside) ? `${aside}.${Date.now()}` : aside);
}

/** Adds images to a cloud that may have them already. A tag that it gives to another image stays there. */
export async function carryImages(
  images: readonly Image[],
  table: Pick<Table<'Image'>, 'everywhere' | 'get' | 'create' | 'mutate'>,
  { clock, random }: { clock: Clock; random: Random },
): Promise<void> {
  for (const { meta, spec, status } of images) {
    const others = table
      .everywhere()
      .filter((other) => other.meta.tenant === meta.tenant && other.spec.id !== spec.id);
    const taken = new Set(others.flatMap((other) => other.spec.tags));
    const tags = spec.tags.filter((tag) => !taken.has(tag));
    const { revision: _, ...kept } = meta;
    const createdAt = new Date(clock.now()).toISOString();
    const image: Image = {
      kind: 'Image',
      meta: { ...kept, uid: newId(random), generation: 1, createdAt },
      spec: { ...spec, tags },
      status,
      given: {},
    };
    try {
      if (!table.get(meta)) await table.create(image);
    } catch (error) {
      if (codeOf(error) !== 'exists') throw error;
    }
    await table.mutate(meta, (present) => {
      const more = {
        tags: [...new Set([...present.spec.tags, ...tags])],
        digests: [...new Set([...present.spec.digests, ...spec.digests])],
      };
      const same =
        more.tags.length === present.spec.tags.length && more.digests.length === present.spec.digests.length;
      return same ? undefined : { ...present, spec: { ...present.spec, ...more } };
    });
  }
}

/** Has a store ready that knows these images, for the cloud that this host is to be by itself. */
export async function packOwn(
  images: readonly Image[],
  dataDir: string,
  { limits, clock, random }: CarryParts,
): Promise<void> {
  const path = join(dataDir, nextDir);
  await rm(path, { recursive: true, force: true });
  const store: Store = openLmdbStore(path, { clock, random, limits: limits.embedded });
  try {
    const client = new ResourceClient('Image', { store, clock });
    for (const { meta, ...image } of images) {
      const { revision: _, ...kept } = meta;
      await client.create({ ...image, meta: kept });
    }
  } finally {
    await store.close();
  }
}

/**
 * What `packOwn` made becomes this host's store. What stood there, of whatever time, is kept beside it, and so are the
 * volumes that it had in the cloud: another's volume of the same name must not find their data. May be repeated.
 */
export async function finishLeaving(
  files: IdentityFiles,
  left: SavedIdentity,
  dataDir: string,
): Promise<void> {
  const [store, next] = [join(dataDir, storeDir), join(dataDir, nextDir)];
  if (existsSync(next)) {
    if (existsSync(store)) await rename(store, `${store}.${Date.now()}`);
    await rename(next, store);
  }
  await setAside(join(dataDir, volumesDir), asideOf(dataDir, cloudOf(left)));
  await files.forget();
}
