import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Layout } from './layout.ts';

/** Places pages in turn; answers the file that comes of it, each place with the page that was written to it last, and the runs. */
function laidOut(
  pages: number,
  order: readonly number[],
): { file: (number | 'zero')[]; runs: [number, number][] } {
  const layout = new Layout(pages);
  const file: (number | 'zero')[] = [];
  for (const page of order) {
    const { place, zeroesBefore } = layout.place(page);
    for (let at = place - zeroesBefore; at < place; at += 1) file[at] = 'zero';
    file[place] = page;
  }
  const bytes = layout.encode();
  const runs: [number, number][] = [];
  for (let at = 0; at < bytes.length; at += 8)
    runs.push([bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)]);
  return { file, runs };
}

test('what comes in order is one run, with small gaps in it, and large ones end it', () => {
  const { file, runs } = laidOut(32, [0, 1, 4, 9, 10]);
  assert.deepEqual(file, [0, 1, 'zero', 'zero', 4, 9, 10]);
  assert.deepEqual(runs, [
    [0, 5],
    [9, 2],
  ]);
});

test('a page has one place, also one that was a gap', () => {
  const { file, runs } = laidOut(8, [0, 2, 1, 0]);
  assert.deepEqual(file, [0, 1, 2]);
  assert.deepEqual(runs, [[0, 3]]);
});

test('mapped as the runs say, every page is where it belongs, in whatever order they came', () => {
  const pages = 64;
  fc.assert(
    fc.property(fc.array(fc.nat(pages - 1), { maxLength: 200 }), (order) => {
      const { file, runs } = laidOut(pages, order);
      const memory: (number | 'zero')[] = Array.from({ length: pages }, () => 'zero');
      let place = 0;
      for (const [page, count] of runs) {
        for (let at = page; at < page + count; at += 1, place += 1) memory[at] = file[place] ?? 'zero';
      }
      assert.equal(place, file.length);
      const came = new Set(order);
      assert.deepEqual(
        memory,
        Array.from({ length: pages }, (_, page) => (came.has(page) ? page : 'zero')),
      );
    }),
  );
});

test('a memory that is in too many pieces is filled up, and in order it never has more than a process may map', () => {
  const apart = 4;
  const count = 40_000;
  const order = Array.from({ length: count }, (_, index) => index * apart);
  const { file, runs } = laidOut(count * apart, order);
  assert.equal(runs.length, 8_192);
  assert.ok(file.length < count * apart);
  assert.throws(() => laidOut(count * apart, order.toReversed()), { code: 'unavailable', message: /pieces/ });
});
