import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DetachWatch, parseDetachKeys } from './detach-keys.ts';

for (const [text, hex] of [
  ['', '1011'],
  ['ctrl-p,ctrl-q', '1011'],
  ['a', '61'],
  ['ctrl-@,x', '0078'],
  ['ctrl-[,ctrl-_', '1b1f'],
] as const) {
  test(`'${text}' is ${hex}`, () => assert.equal(parseDetachKeys(text).toString('hex'), hex));
}

for (const text of ['ctrl-', 'CTRL-a', 'ctrl-A,a', 'ctrl-1', 'ab', 'a,', ',', 'ctrl-p ctrl-q', 'é']) {
  test(`'${text}' is refused`, () => assert.throws(() => parseDetachKeys(text), { code: 'invalid' }));
}

const byte = fc.integer({ min: 0, max: 3 });
const keys = fc.array(byte, { minLength: 1, maxLength: 4 }).map((bytes) => Buffer.from(bytes));
const chunks = fc.array(
  fc.array(byte, { maxLength: 6 }).map((bytes) => Buffer.from(bytes)),
  { maxLength: 12 },
);

test('what comes out is the input up to the first time the keys are in it, however it is cut', () => {
  fc.assert(
    fc.property(keys, chunks, (sequence, pieces) => {
      const watch = new DetachWatch(sequence);
      const out: Buffer[] = [];
      let detached = false;
      for (const piece of pieces) {
        const fed = watch.feed(piece);
        out.push(fed.pass);
        detached = fed.detached;
        if (detached) break;
      }
      if (!detached) out.push(watch.flush());
      const input = Buffer.concat(pieces);
      const at = input.indexOf(sequence);
      assert.equal(detached, at >= 0);
      assert.deepEqual(Buffer.concat(out), at >= 0 ? input.subarray(0, at) : input);
    }),
  );
});

test('no more than the beginning of the sequence is held back', () => {
  fc.assert(
    fc.property(keys, chunks, (sequence, pieces) => {
      const watch = new DetachWatch(sequence);
      let held = 0;
      for (const piece of pieces) {
        const { pass, detached } = watch.feed(piece);
        if (detached) return;
        held += piece.length - pass.length;
        assert.ok(held >= 0 && held < sequence.length);
      }
    }),
  );
});
