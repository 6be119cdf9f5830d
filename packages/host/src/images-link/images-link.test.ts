import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { KraudError, SeededRandom, silentLogger, systemClock } from '@kraud/base';
import { ImageStore } from '@kraud/images';
import type { Host } from '@kraud/macro';
import { hostImages } from '../api/images.ts';
import type { HostImages } from '../contract.ts';
import { LinkPair } from '../link/testing/link-pair.ts';
import { scriptedHost } from '../link/testing/scripted-host.ts';
import { cloudImages } from './cloud-images.ts';
import { copiesFor } from './copies.ts';
import { ImageFetcher } from './fetcher.ts';
import { ImageKeeper } from './keeper.ts';
import { imageLinkLimits as limits } from './limits.ts';

const never = new AbortController().signal;
/** An archive with nothing in it, and as much of that as is asked for. */
const emptyTar = (blocks: number): Readable => Readable.from([Buffer.alloc(blocks * 512)]);
const importing = { changes: ['ENV A=1'], message: '', signal: never };

class ImageWorld {
  readonly store: ImageStore;
  /** This host's own. */
  readonly here: HostImages;
  /** Seen from another host. */
  readonly far: HostImages;

  private constructor(store: ImageStore, pair: LinkPair) {
    this.store = store;
    this.here = hostImages(store);
    this.far = pair.far.images;
  }

  static async open(t: TestContext): Promise<ImageWorld> {
    const dir = await mkdtemp(join(tmpdir(), 'kraud-image-link-'));
    const [clock, random, logger] = [systemClock, new SeededRandom(1), silentLogger];
    const store = await ImageStore.open({ dir, clock, random, logger });
    const pair = await LinkPair.open(scriptedHost({ images: hostImages(store) }));
    t.after(async () => {
      await pair[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    });
    return new ImageWorld(store, pair);
  }
}

const fetcherOf = (world: ImageWorld, others: HostImages[]): ImageFetcher =>
  new ImageFetcher({
    images: world.store,
    others: () => others.map((images, n) => ({ name: `h${n}`, images })),
    limits,
    logger: silentLogger,
  });

test('an image is brought from the host that has it, once, and is the same', async (t) => {
  const [a, b, c] = [await ImageWorld.open(t), await ImageWorld.open(t), await ImageWorld.open(t)];
  const id = await b.here.import(emptyTar(4), importing);
  let manifests = 0;
  const counted: HostImages = {
    ...b.far,
    manifest: (of) => {
      manifests += 1;
      return b.far.manifest(of);
    },
  };
  const fetcher = fetcherOf(a, [c.far, counted]);
  await Promise.all([fetcher.ensure(id), fetcher.ensure(id)]);
  await fetcher.ensure(id);
  assert.equal(manifests, 1);
  assert.deepEqual(await a.here.facts(id), await b.here.facts(id));
  await assert.rejects(fetcher.ensure(`sha256:${'0'.repeat(64)}`), { code: 'not-found' });
});

test('a transfer that breaks off goes on where it was, at another host if need be', async (t) => {
  const [a, b] = [await ImageWorld.open(t), await ImageWorld.open(t)];
  const id = await b.here.import(emptyTar(400), importing);
  const starts: number[] = [];
  const breaking: HostImages = {
    ...b.far,
    blob: async (digest, start, signal) => {
      starts.push(start);
      const whole = await buffer(await b.far.blob(digest, start, signal));
      async function* part() {
        yield whole.subarray(0, 100_000);
        if (whole.length > 100_000) throw new KraudError('unavailable', 'the line is cut');
      }
      return Readable.from(part());
    },
  };
  await fetcherOf(a, [breaking]).ensure(id);
  assert.deepEqual(
    starts.filter((start) => start > 0),
    [100_000, 200_000],
  );
  const lying: HostImages = {
    ...b.far,
    blob: async (digest, start, signal) => {
      const whole = await buffer(await b.far.blob(digest, start, signal));
      return Readable.from([Buffer.alloc(whole.length)]);
    },
  };
  const c = await ImageWorld.open(t);
  await assert.rejects(fetcherOf(c, [lying]).ensure(id), { code: 'corrupt' });
  await fetcherOf(c, [lying, b.far]).ensure(id);
});

test('images of all hosts are one: asked, saved and removed from any of them', async (t) => {
  const [a, b] = [await ImageWorld.open(t), await ImageWorld.open(t)];
  const own = await a.here.import(emptyTar(4), importing);
  const other = await b.here.import(emptyTar(8), { ...importing, changes: ['ENV B=2'] });
  const away: HostImages = {
    ...b.far,
    facts: () => Promise.reject(new KraudError('unavailable', 'away')),
    usage: () => Promise.reject(new KraudError('unavailable', 'away')),
    remove: () => Promise.reject(new KraudError('unavailable', 'away')),
  };
  const others = () => [
    { name: 'away', images: away },
    { name: 'b', images: b.far },
  ];
  const images = cloudImages({ here: a.here, fetcher: fetcherOf(a, [b.far]), others });
  assert.deepEqual(await images.facts(other), await b.here.facts(other));
  await assert.rejects(images.facts(`sha256:${'0'.repeat(64)}`), { code: 'unavailable' });
  assert.deepEqual(Object.keys((await images.usage()).images).sort(), [own, other].sort());
  assert.equal(await a.store.find(other as `sha256:${string}`), undefined);
  const saved = await buffer(await images.save([{ id: other, names: ['docker.io/library/b:1'] }], never));
  assert.ok(saved.length > 1024);
  const { diffIds } = await images.facts(other);
  assert.deepEqual(await images.remove(other), diffIds);
  for (const world of [a, b]) await assert.rejects(world.here.facts(other), { code: 'not-found' });
});

const host = (name: string, images: string[], more: object = {}): Host =>
  ({ meta: { name }, status: { ready: true, images, ...more } }) as unknown as Host;

test('every image is copied until two hosts have it, and all hosts agree who does that', () => {
  const ids = Array.from({ length: 50 }, (_, n) => createHash('sha256').update(`${n}`).digest('hex'));
  const hosts = [host('a', ids), host('b', []), host('c', []), host('lost', [], { lostAt: 'x' })];
  const [a, b, c, lost] = ['a', 'b', 'c', 'lost'].map((name) => copiesFor(name, ids, hosts, 2));
  assert.deepEqual([a, lost], [[], []]);
  assert.deepEqual([...(b ?? []), ...(c ?? [])].sort(), [...ids].sort());
  assert.ok((b?.length ?? 0) > 5 && (c?.length ?? 0) > 5);
  assert.deepEqual(copiesFor('b', ids, [host('a', ids), host('b', ids), host('c', [])], 2), []);
  assert.deepEqual(copiesFor('b', ids, [host('a', ids, { ready: false }), host('b', [])], 2), []);
});

test('the keeper tells what is here, copies what is its to copy, and drops what was removed meanwhile', async (t) => {
  const [a, b] = [await ImageWorld.open(t), await ImageWorld.open(t)];
  const kept = await b.here.import(emptyTar(4), importing);
  const gone = await b.here.import(emptyTar(8), { ...importing, changes: ['ENV B=2'] });
  let wanted = [kept, gone];
  const shrinking: HostImages = {
    ...b.far,
    manifest: async (id) => {
      if (id === gone) wanted = [kept];
      return await b.far.manifest(id);
    },
  };
  let wake = (): void => {};
  const keeper = new ImageKeeper({
    name: 'a',
    images: a.store,
    fetcher: fetcherOf(a, [shrinking]),
    wanted: () => wanted,
    hosts: () => [host('a', [...keeper.here]), host('b', [kept, gone])],
    subscribe: (listener) => {
      wake = listener;
      return () => {};
    },
    limits: { ...limits, copyDelayMs: 1 },
    clock: systemClock,
    logger: silentLogger,
  });
  const told: string[][] = [];
  keeper.onChanged(() => told.push([...keeper.here]));
  const stop = new AbortController();
  const running = keeper.run(stop.signal);
  while (keeper.here.join() !== kept || wanted.length > 1) await systemClock.sleep(5);
  assert.deepEqual(told.at(-1), [kept]);
  await a.store.delete(kept as `sha256:${string}`);
  wanted = [];
  wake();
  while (keeper.here.length > 0) await systemClock.sleep(5);
  stop.abort();
  await running;
});
