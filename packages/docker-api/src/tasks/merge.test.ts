import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Merge } from './merge.ts';

async function* of<T>(items: readonly T[]): AsyncGenerator<T, void, void> {
  for (const item of items) {
    await Promise.resolve();
    yield item;
  }
}

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

test('nothing is lost, and each stream keeps its order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(fc.nat()), { maxLength: 5 }), async (streams) => {
      const merge = new Merge<[number, number]>();
      for (const [i, items] of streams.entries())
        merge.add(of(items.map((item) => [i, item] as [number, number])));
      merge.seal();
      const seen = await all(merge);
      for (const [i, items] of streams.entries()) {
        assert.deepEqual(
          seen.filter(([from]) => from === i).map(([, item]) => item),
          items,
        );
      }
    }),
  );
});

test('a stream that comes later is read too; it ends only when sealed', async () => {
  const merge = new Merge<string>();
  merge.add(of(['a']));
  const seen = all(merge);
  await new Promise((resolve) => setImmediate(resolve));
  merge.add(of(['b']));
  merge.seal();
  assert.deepEqual(await seen, ['a', 'b']);
});

test('a stream that fails fails it', async () => {
  const merge = new Merge<string>();
  merge.add(
    (async function* () {
      yield* of(['a']);
      throw new Error('broken');
    })(),
  );
  merge.seal();
  await assert.rejects(all(merge), { message: 'broken' });
});
