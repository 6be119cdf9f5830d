import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock as clock, newId, systemRandom as random, silentLogger } from '@kraud/base';
import { IdentityFiles, type SavedIdentity } from '@kraud/host';
import { type Image, openLmdbStore, openMemoryStore, ResourceClient, type Store, Tables } from '@kraud/macro';
import { finishLeaving, packOwn, unpackArrival } from './arrival.ts';
import { readConfig } from './config.ts';
import { parseFlags } from './flags.ts';
import { findPlace, type Place } from './join.ts';
import { storeLimits as limits } from './store.ts';

const scratch = mkdtempSync(join(tmpdir(), 'kraud-arrival-'));
const ends: (() => Promise<unknown>)[] = [() => Promise.resolve(rmSync(scratch, { recursive: true }))];
after(async () => {
  for (const end of ends.reverse()) await end();
});
const parts = { limits, clock, random, logger: silentLogger };
const identity: SavedIdentity = {
  name: 'h1',
  listen: '10.0.0.1:7070',
  cert: 'c',
  ca: 'a',
  cloud: 'c0'.repeat(32),
  store: { address: 'etcd://10.0.0.9:2379' },
};

function imageOf(digit: string, tags: string[]): Image {
  const id = `sha256:${digit.repeat(64)}`;
  const meta = {
    uid: newId(random),
    tenant: 'default',
    namespace: 'default',
    name: id,
    labels: {},
    annotations: {},
    generation: 1,
    finalizers: [],
    createdAt: new Date(0).toISOString(),
  };
  return { kind: 'Image', meta, spec: { id, tags, digests: [] }, status: { sizeBytes: 1 }, given: {} };
}

async function cloudWith(images: readonly Image[]): Promise<Tables> {
  const store = openMemoryStore({ clock, random });
  const tables = new Tables({ store, clock, logger: silentLogger });
  const stop = new AbortController();
  const running = tables.run(stop.signal);
  await tables.ready();
  for (const image of images) await tables.images.create(image);
  ends.push(async () => {
    stop.abort();
    await running;
    await store.close();
  });
  return tables;
}

async function imagesIn(dir: string): Promise<Image[]> {
  const store: Store = openLmdbStore(join(dir, 'store'), { clock, random, limits: limits.embedded });
  try {
    return (await new ResourceClient('Image', { store, clock }).list()).resources;
  } finally {
    await store.close();
  }
}

const shown = (images: readonly Image[]): string[] =>
  images.map(({ spec }) => `${spec.id.slice(7, 8)} ${spec.tags.join()}`).sort();

const placeIn = (dir: string) => findPlace(readConfig(parseFlags(['--data-dir', dir]), {}), silentLogger);

test('images come along into a cloud that has some already; a tag of its own stays where it is', async () => {
  const dir = join(scratch, 'in');
  await packOwn([imageOf('1', ['a:1', 'b:1']), imageOf('2', ['c:1']), imageOf('3', [])], dir, parts);
  await finishLeaving(new IdentityFiles(join(dir, 'identity')), identity, dir).catch(() => {});
  const tables = await cloudWith([imageOf('2', []), imageOf('9', ['b:1'])]);
  const place = { arrives: true } as Place;
  for (let times = 0; times < 2; times += 1) {
    await unpackArrival(place, dir, { ...parts, tables });
    assert.deepEqual(shown(tables.images.everywhere()), ['1 a:1', '2 c:1', '3 ', '9 b:1']);
  }
  assert.ok(!existsSync(join(dir, 'store')));
});

test('only a host that has just joined gives up the store that it finds', async () => {
  const dir = join(scratch, 'kept');
  const files = new IdentityFiles(join(dir, 'identity'));
  await files.save(identity);
  await packOwn([imageOf('1', ['a:1'])], dir, parts);
  await finishLeaving(files, identity, dir);
  const tables = await cloudWith([]);
  await unpackArrival({ arrives: false } as Place, dir, { ...parts, tables });
  assert.deepEqual(shown(await imagesIn(dir)), ['1 a:1']);
  assert.deepEqual(tables.images.everywhere(), []);
});

test('leaving is finished by the next start, wherever the one before was cut off', async () => {
  for (const [cutOff, steps] of [
    ['before', 0],
    ['the store is in place', 1],
    ['all is done', 2],
  ] as const) {
    const dir = join(scratch, `out${steps}`);
    const files = new IdentityFiles(join(dir, 'identity'));
    await files.save({ ...identity, arrival: { manager: true, cordoned: false, drained: false } });
    assert.equal((await placeIn(dir)).arrives, true);
    await packOwn([imageOf('1', ['a:1'])], dir, parts);
    assert.equal((await placeIn(dir)).store.kind, 'etcd', 'it has not left yet');
    await files.save({ ...identity, leaving: true });
    if (steps === 1) {
      await finishLeaving({ forget: () => Promise.resolve() } as IdentityFiles, identity, dir);
    }
    if (steps === 2) await finishLeaving(files, identity, dir);
    const place = await placeIn(dir);
    assert.deepEqual([place.store.kind, place.arrives, place.listen], ['embedded', false, undefined], cutOff);
    assert.deepEqual(shown(await imagesIn(dir)), ['1 a:1']);
    assert.equal(await files.read(), undefined);
  }
});

test('a store of another time is not thrown away', async () => {
  const dir = join(scratch, 'twice');
  const files = new IdentityFiles(join(dir, 'identity'));
  await files.save(identity);
  await packOwn([imageOf('1', [])], dir, parts);
  await finishLeaving(files, identity, dir);
  await packOwn([imageOf('2', [])], dir, parts);
  await finishLeaving(files, identity, dir);
  assert.deepEqual(shown(await imagesIn(dir)), ['2 ']);
  assert.equal(readdirSync(dir).filter((name) => name.startsWith('store.')).length, 1);
});

test('volumes that a host had in a cloud are set aside when it leaves, and there again when it is back', async () => {
  const dir = join(scratch, 'volumes');
  const files = new IdentityFiles(join(dir, 'identity'));
  const tables = await cloudWith([]);
  const put = (text: string): void => {
    mkdirSync(join(dir, 'volumes'), { recursive: true });
    writeFileSync(join(dir, 'volumes/data'), text);
  };
  const seen = (): string | undefined =>
    existsSync(join(dir, 'volumes/data')) ? readFileSync(join(dir, 'volumes/data'), 'utf8') : undefined;
  put('of the cloud');
  await files.save({ ...identity, leaving: true });
  await finishLeaving({ forget: () => Promise.resolve() } as IdentityFiles, identity, dir);
  assert.equal(seen(), undefined);
  await placeIn(dir);
  put('of another time');
  const joined = { ...identity, arrival: { manager: false, cordoned: false, drained: false } };
  await files.save({ ...joined, cloud: 'd0'.repeat(32) });
  await unpackArrival(await placeIn(dir), dir, { ...parts, tables });
  assert.equal(seen(), 'of another time', 'the other cloud’s stay where they are');
  await files.save(joined);
  for (let times = 0; times < 2; times += 1) {
    await unpackArrival(await placeIn(dir), dir, { ...parts, tables });
    assert.equal(seen(), 'of the cloud');
  }
  assert.equal(readdirSync(dir).filter((name) => name.startsWith('volumes.')).length, 1, 'nothing is lost');
});
