import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseChallenges } from './challenge.ts';
import { parseRegistryAuth } from './registry-auth.ts';

test('challenges are read as registries write them', () => {
  assert.deepEqual(parseChallenges('Basic realm="Registry"'), [
    { scheme: 'basic', parameters: { realm: 'Registry' } },
  ]);
  assert.deepEqual(parseChallenges('Bearer realm="https://a/t",service="s",scope="repository:x:pull,push"'), [
    { scheme: 'bearer', parameters: { realm: 'https://a/t', service: 's', scope: 'repository:x:pull,push' } },
  ]);
  assert.deepEqual(parseChallenges('Negotiate, BASIC Realm="a \\"b\\""'), [
    { scheme: 'basic', parameters: { realm: 'a "b"' } },
  ]);
  assert.deepEqual(parseChallenges(undefined), []);
  fc.assert(fc.property(fc.string(), (text) => Array.isArray(parseChallenges(text))));
});

test('X-Registry-Auth is read in each form, and never repeated', () => {
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  assert.equal(parseRegistryAuth(undefined), undefined);
  assert.equal(parseRegistryAuth(encode({})), undefined);
  assert.equal(parseRegistryAuth(encode({ serveraddress: 'x' })), undefined);
  const pair = parseRegistryAuth(encode({ auth: Buffer.from('me:se:cret').toString('base64') }));
  assert.deepEqual([pair?.username, pair?.password], ['me', 'se:cret']);
  assert.equal(parseRegistryAuth(encode({ identitytoken: 't' }))?.identityToken, 't');
  assert.throws(
    () => parseRegistryAuth('c2VjcmV0'),
    (error) => error instanceof Error && !/secret/.test(error.message),
  );
});
