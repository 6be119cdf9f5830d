import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { pageBytes, Splitter } from './splitter.ts';
import {
  blocks as blocksOf,
  endOfRecords,
  footer,
  head,
  name,
  type Page,
  type Parts,
  start,
  streamOf,
  u32,
  u64,
} from './testing/stream.ts';

const memoryPages = 8;
const memoryBytes = memoryPages * pageBytes;
const blocks = blocksOf(memoryBytes);

const made = (
  sections: readonly (readonly Page[])[],
  devices: Buffer,
  options?: { readonly switches: boolean },
): Parts => streamOf(memoryBytes, sections, devices, options);

function split(stream: Buffer, cuts: readonly number[]): Omit<Parts, 'stream'> {
  const memory = Buffer.alloc(memoryBytes);
  const state: Buffer[] = [];
  const splitter = new Splitter(memoryBytes, {
    memory: (at, bytes) => void bytes.copy(memory, at),
    zeroes: (at) => void memory.fill(0, at, at + pageBytes),
    state: (bytes) => void state.push(Buffer.from(bytes)),
  });
  const at = [0, ...cuts.map((cut) => cut % stream.length).sort((a, b) => a - b), stream.length];
  for (const [index, from] of at.slice(0, -1).entries()) splitter.push(stream.subarray(from, at[index + 1]));
  splitter.end();
  return { memory, state: Buffer.concat(state) };
}

const everyPage: readonly Page[] = Array.from({ length: memoryPages }, (_, page) => ({
  block: 'ram',
  page,
  fill: page % 3,
}));
const devices = Buffer.from([4, 0, 0, 0, 9, 5, ...Buffer.from('timer'), 0x7e, 0, 0, 0, 9, 0]);
const whole = made([everyPage, [{ block: 'pc.bios', page: 1, fill: 7 }]], devices, { switches: true }).stream;

const somePage: fc.Arbitrary<Page> = fc.oneof(
  fc.record({ block: fc.constant('ram' as const), page: fc.nat(memoryPages - 1), fill: fc.nat(3) }),
  fc.record({ block: fc.constant('pc.bios' as const), page: fc.nat(1), fill: fc.nat(3) }),
);
const someSections = fc
  .tuple(
    fc.array(fc.array(somePage, { maxLength: 6 }), { maxLength: 4 }),
    fc.shuffledSubarray([...everyPage], {
      minLength: memoryPages,
    }),
  )
  .map(([sections, rest]) => [...sections, rest]);

test('what was sent is in its place, and the rest is as it was, wherever the stream is cut', () => {
  fc.assert(
    fc.property(
      someSections,
      fc.uint8Array({ minLength: 1, maxLength: 100 }),
      fc.array(fc.nat(), { maxLength: 40 }),
      fc.boolean(),
      (sections, rest, cuts, switches) => {
        const { stream, ...parts } = made(sections, Buffer.from(rest), { switches });
        assert.deepEqual(split(stream, cuts), parts);
      },
    ),
  );
});

test('a stream in single bytes is the same', () => {
  const { stream, ...parts } = made([everyPage], devices, { switches: true });
  assert.deepEqual(
    split(
      stream,
      Array.from({ length: stream.length }, (_, at) => at),
    ),
    parts,
  );
});

test('one that ends before the devices is refused, wherever', () => {
  const ram = whole.length - devices.length;
  fc.assert(
    fc.property(fc.nat(ram - 1), (bytes) => {
      assert.throws(() => split(whole.subarray(0, bytes), []), { code: 'corrupt' });
    }),
  );
});

test('rubbish is refused or lies outside of RAM, and writes nowhere else', () => {
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.uint8Array({ minLength: 1, maxLength: 20 }), (at, rubbish) => {
      const stream = Buffer.concat([whole.subarray(0, at), rubbish, whole.subarray(at + rubbish.length)]);
      const splitter = new Splitter(memoryBytes, {
        memory: (from, { length }) => assert.ok(from >= 0 && from + length <= memoryBytes),
        zeroes: (from) => assert.ok(from >= 0 && from + pageBytes <= memoryBytes),
        state: () => {},
      });
      try {
        splitter.push(stream);
        splitter.end();
      } catch (error) {
        assert.equal(Object(error).code, 'corrupt', String(error));
      }
    }),
    { numRuns: 1_000 },
  );
});

const table = (...entries: readonly (readonly [string, number])[]): Buffer =>
  Buffer.concat([
    u64(entries.reduce((sum, [, bytes]) => sum + bytes, 0) + 4),
    ...entries.flatMap(([text, bytes]) => [name(text), u64(bytes), u64(0)]),
  ]);
const ram = (...records: Buffer[]): Buffer => Buffer.concat([head, start, ...records]);
const page = (text: string, address: number, flags: number): Buffer =>
  Buffer.concat([u64(address + flags), name(text), Buffer.alloc(flags & 2 ? 1 : pageBytes)]);

for (const [what, stream, words] of [
  ['another version', Buffer.concat([u32(0x5145564d), u32(2), whole.subarray(8)]), /another format/],
  ['another program', Buffer.from('HTTP/1.1 200 OK'), /another format/],
  [
    'an endless configuration',
    Buffer.concat([head.subarray(0, 8), Buffer.from([7]), u32(1 << 30)]),
    /configuration/,
  ],
  [
    'a capability that nobody asked for',
    Buffer.concat([
      head.subarray(0, 20),
      Buffer.from([5]),
      name('configuration/capabilities'),
      u32(1),
      u32(1),
      name('zstd'),
    ]),
    /capability zstd/,
  ],
  ['a device before RAM', Buffer.concat([head, devices]), /kind 4/],
  [
    'another section that iterates',
    Buffer.concat([head, Buffer.from([1]), u32(3), name('block'), u32(0), u32(1)]),
    /section block/,
  ],
  [
    'a command that needs an answer',
    Buffer.concat([head, Buffer.from([8, 0, 2, 0, 4]), u32(1)]),
    /command 2/,
  ],
  ['a command with data', Buffer.concat([head, Buffer.from([8, 0, 11, 0, 1, 0])]), /command 11 with 1 byte/],
  ['RAM that begins twice', Buffer.concat([ram(blocks, endOfRecords, footer), start]), /section ram/],
  ['another footer', Buffer.concat([ram(blocks, endOfRecords), Buffer.from([0x7e]), u32(3)]), /does not end/],
  ['compressed pages', ram(blocks, u64(0x100)), /kind 256/],
  ['no memory', ram(table(['pc.bios', pageBytes])), /none of its blocks/],
  ['two memories', ram(table(['a', memoryBytes], ['b', memoryBytes])), /two blocks/],
  ['a block twice', ram(table(['a', pageBytes], ['a', pageBytes])), /add up/],
  ['more blocks than announced', ram(u64(pageBytes + 4), name('a'), u64(memoryBytes), u64(0)), /add up/],
  ['two lists of blocks', ram(blocks, blocks), /twice/],
  ['a page of no block', ram(blocks, page('vga', 0, 8)), /no block/],
  ['a page of the last block, before any', ram(blocks, u64(0x28), Buffer.alloc(pageBytes)), /no block/],
  ['a page behind the end', ram(blocks, page('ram', memoryBytes, 8)), /no block/],
  ['a page far behind the end', ram(blocks, page('ram', 2 ** 50, 8)), /no block/],
  ['a page filled with ones', ram(blocks, u64(2), name('ram'), Buffer.from([1])), /not with zeroes/],
  ['a missing page', made([everyPage.slice(1)], devices).stream, /lacks 1 of 8 pages/],
  [
    'a page without end',
    ram(blocks, ...Array.from({ length: 40 }, () => page('ram', 0, 2))),
    /again and again/,
  ],
] as const) {
  test(`refused: ${what}`, () => {
    assert.throws(() => split(stream, []), { code: 'corrupt', message: words });
  });
}
