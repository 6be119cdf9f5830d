import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compactId, uidStartOf } from './compact-id.ts';

test('an id and its compact form lead to each other', () => {
  const digit = fc.constantFrom(...'0123456789abcdef');
  const uids = fc.array(digit, { minLength: 64, maxLength: 64 }).map((digits) => digits.join(''));
  fc.assert(
    fc.property(uids, (uid) => {
      const compact = compactId(uid);
      assert.match(compact, /^[0-9a-z]{25}$/);
      assert.equal(uidStartOf(compact), uid.slice(0, 32));
    }),
  );
});

test('the ends of the range', () => {
  assert.equal(compactId('0'.repeat(64)), '0'.repeat(25));
  assert.equal(compactId('f'.repeat(64)), 'f5lxx1zz5pnorynqglhzmsp33');
  assert.equal(uidStartOf('z'.repeat(25)), undefined);
  assert.equal(uidStartOf('web'), undefined);
});
