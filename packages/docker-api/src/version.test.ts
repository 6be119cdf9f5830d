import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitVersion } from './version.ts';

test('the prefix is optional', () => {
  assert.deepEqual(splitVersion('/v1.43/info'), { minor: 43, rest: '/info' });
  assert.deepEqual(splitVersion('/info'), { minor: 51, rest: '/info' });
  assert.deepEqual(splitVersion('/version'), { minor: 51, rest: '/version' });
  assert.deepEqual(splitVersion('/v1.24/volumes/v1.30'), { minor: 24, rest: '/volumes/v1.30' });
});

test('too old and too new are refused in words that say what to do', () => {
  assert.throws(() => splitVersion('/v1.12/info'), {
    message:
      'client version 1.12 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version',
  });
  assert.throws(() => splitVersion('/v1.52/info'), { code: 'invalid', message: /1\.52 is too new/ });
  assert.throws(() => splitVersion('/v2.0/info'), { code: 'invalid' });
  assert.throws(() => splitVersion('/v0.9/info'), { code: 'invalid' });
});
