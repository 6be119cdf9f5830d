import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Filters, nameMatcher } from './filters.ts';

const known = ['label', 'label!', 'name', 'dangling'];

test('both encodings', () => {
  for (const text of ['{"name":{"a":true,"b":true,"c":false}}', '{"name":["a","b"]}']) {
    assert.deepEqual(Filters.parse(text, known).get('name'), ['a', 'b']);
  }
  for (const text of ['', 'null', '{}']) assert.equal(Filters.parse(text, known).has('name'), false);
});

for (const text of [
  '{',
  '[]',
  '"x"',
  '3',
  '{"name":3}',
  '{"name":[1]}',
  '{"other":["a"]}',
  '{"__proto__":["a"]}',
]) {
  test(`${text} is refused`, () => assert.throws(() => Filters.parse(text, known), { code: 'invalid' }));
}

test('anything at all is parsed or refused by name', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      try {
        Filters.parse(text, known);
      } catch (error) {
        assert.match(String(error), /invalid filter/);
      }
    }),
  );
});

test('labels: all of them, with and without a value, and none of the others', () => {
  const labels = { a: '1', b: '' };
  const holds = (filter: object): boolean => Filters.parse(JSON.stringify(filter), known).labels(labels);
  assert.equal(holds({ label: ['a'] }), true);
  assert.equal(holds({ label: ['a=1', 'b'] }), true);
  assert.equal(holds({ label: ['a=2'] }), false);
  assert.equal(holds({ label: ['toString'] }), false);
  assert.equal(holds({ 'label!': ['a'] }), false);
  assert.equal(holds({ 'label!': ['c', 'a=2'] }), true);
});

test('truth values', () => {
  const flag = (value: string): boolean | undefined =>
    Filters.parse(`{"dangling":["${value}"]}`, known).flag('dangling');
  assert.equal(flag('true'), true);
  assert.equal(flag('0'), false);
  assert.throws(() => flag('maybe'), { code: 'invalid' });
});

test('names are patterns, and costly ones are refused', () => {
  assert.equal(nameMatcher('web')('my-web-1'), true);
  assert.equal(nameMatcher('^web$')('web-1'), false);
  assert.equal(nameMatcher('^/?web.*$')('/web-1'), true);
  assert.equal(nameMatcher('[')('['), true);
  for (const pattern of ['(a+)+$', 'a*b*c*', 'x'.repeat(256)]) {
    assert.throws(() => nameMatcher(`${pattern}.`), { code: 'unsupported' });
  }
});
