import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Reader } from './reader.ts';
import { encodeTxn } from './requests.ts';
import { decodeRange, decodeWatch } from './responses.ts';
import { Writer } from './writer.ts';

const hex = (write: (writer: Writer) => void): string => {
  const writer = new Writer();
  write(writer);
  return writer.finish().toString('hex');
};

test('the encodings by example', () => {
  const table: [(writer: Writer) => void, string][] = [
    [(w) => w.whole(1, 300), '08ac02'],
    [(w) => w.whole(1, 0), '0800'],
    [(w) => w.whole(1, undefined), ''],
    [(w) => w.flag(2, true), '1001'],
    [(w) => w.text(3, 'hi'), '1a026869'],
    [(w) => w.text(16, ''), '820100'],
    [(w) => w.message(1, 'x', (inner, value) => inner.text(1, value)), '0a030a0178'],
    [(w) => w.wide(1, 2n ** 64n - 1n), '08ffffffffffffffffff01'],
  ];
  for (const [write, bytes] of table) assert.equal(hex(write), bytes);
});

/** A message of every kind of field, which may hold another one. */
interface Sample {
  readonly whole: number;
  readonly wide: bigint;
  readonly flag: boolean;
  readonly text: string;
  readonly inner: readonly Sample[];
}

const sampleOf = (inner: fc.Arbitrary<Sample[]>): fc.Arbitrary<Sample> =>
  fc.record(
    {
      whole: fc.maxSafeNat(),
      wide: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      flag: fc.boolean(),
      text: fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('x'.repeat(127), 'y'.repeat(40_000))),
      inner,
    },
    { noNullPrototype: true },
  );
const few = (inner: fc.Arbitrary<Sample>): fc.Arbitrary<Sample[]> => fc.array(inner, { maxLength: 2 });
const sample = sampleOf(few(sampleOf(few(sampleOf(fc.constant([]))))));

function write(writer: Writer, value: Sample): void {
  writer.whole(1, value.whole);
  writer.wide(2, value.wide);
  writer.whole(99, 7);
  writer.flag(3, value.flag);
  writer.text(20, value.text);
  writer.messages(5, value.inner, write);
}

function read(reader: Reader): Sample {
  const value = { whole: 0, wide: 0n, flag: false, text: '' };
  const inner: Sample[] = [];
  reader.fields((field) => {
    if (field === 1) value.whole = reader.whole();
    else if (field === 2) value.wide = reader.wide();
    else if (field === 3) value.flag = reader.flag();
    else if (field === 20) value.text = reader.text();
    else if (field === 5) inner.push(reader.message(read));
    else reader.skip();
  });
  return { ...value, inner };
}

test('what is written is read', () => {
  fc.assert(
    fc.property(sample, (value) => {
      const writer = new Writer();
      write(writer, value);
      assert.deepEqual(read(new Reader(writer.finish())), value);
    }),
  );
});

test('a negative number is read as one', () => {
  assert.equal(new Reader(Buffer.from('ffffffffffffffffff01', 'hex')).whole(), -1);
});

test('any bytes are a message or corrupt, never anything else', () => {
  for (const decode of [decodeRange, decodeWatch]) {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          decode(Buffer.from(bytes));
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'corrupt');
        }
      }),
    );
  }
});

test('a comparison with zero is written: it says what is compared', () => {
  const bytes = encodeTxn({
    compare: [{ result: 0, target: 0, key: 'k', version: 0 }],
    success: [],
    failure: [],
  });
  assert.equal(bytes.toString('hex'), '0a09080010001a016b2000');
});
