import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { keyOf, parseKey, prefixOf } from './keys.ts';
import { kindNames } from './kinds.ts';

const at = (name: string, tenant = 'default') => ({ tenant, namespace: 'default', name });

test('keys and names', () => {
  const id = `sha256:${'0'.repeat(64)}`;
  assert.equal(keyOf('Pod', at('web-1')), '/pod/default/default/web-1');
  assert.equal(keyOf('Image', at(id, 'acme')), `/image/acme/default/${id}`);
  assert.equal(prefixOf('Pod'), '/pod/');
  assert.equal(prefixOf('Pod', 'acme'), '/pod/acme/');
});

test('names that could reach elsewhere or confuse are refused', () => {
  for (const name of ['', '/', 'a/b', '../x', '.hidden', '-x', 'a b', 'ü', 'a\u0000', 'x'.repeat(256)]) {
    assert.throws(() => keyOf('Pod', at(name)), { code: 'invalid' }, JSON.stringify(name));
  }
  for (const tenant of ['', 'A', 'a/b', 'a.b', '-a', 'a'.repeat(64)]) {
    assert.throws(() => keyOf('Pod', at('x', tenant)), { code: 'invalid' }, JSON.stringify(tenant));
  }
  assert.throws(() => keyOf('Image', at('latest')), { code: 'invalid' });
});

test('any text is either refused or comes back whole', () => {
  const property = fc.property(
    fc.constantFrom(...kindNames),
    fc.string({ unit: 'binary' }),
    fc.string(),
    (kind, name, tenant) => {
      let key: string;
      try {
        key = keyOf(kind, at(name, tenant));
      } catch {
        return;
      }
      assert.deepEqual(parseKey(key), { kind: kind.toLowerCase(), ...at(name, tenant) });
      assert.ok(key.startsWith(prefixOf(kind, tenant)));
    },
  );
  fc.assert(property);
});
