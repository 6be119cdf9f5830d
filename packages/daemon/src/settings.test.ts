import assert from 'node:assert/strict';
import { test } from 'node:test';
import { overlay } from './settings.ts';

const defaults = { warmMax: 4, name: 'a', jail: { uidFirst: 200_000 }, mirrors: ['x'] };

test('what is given wins, the rest stays', () => {
  const result = overlay('cradle', defaults, { warmMax: 0, jail: { uidFirst: 5 }, mirrors: [] });
  assert.deepEqual(result, { warmMax: 0, name: 'a', jail: { uidFirst: 5 }, mirrors: [] });
  assert.deepEqual(overlay('cradle', defaults, undefined), defaults);
});

const refused: [string, unknown, RegExp][] = [
  ['an unknown name', { warmmax: 1 }, /unknown setting 'cradle\.warmmax' \(known: warmMax/],
  ['another type', { warmMax: '4' }, /'cradle\.warmMax' must be a number/],
  ['a negative number', { warmMax: -1 }, /'cradle\.warmMax' must be a number from 0/],
  ['a list for a table', [], /'cradle' must be a table/],
  ['an unknown name deeper down', { jail: { uid: 1 } }, /'cradle\.jail\.uid'/],
  ['a list of another kind', { mirrors: [1] }, /'cradle\.mirrors' must be a list/],
];
for (const [what, given, message] of refused) {
  test(`${what} is refused by name`, () => {
    assert.throws(() => overlay('cradle', defaults, given), { code: 'invalid', message });
  });
}
