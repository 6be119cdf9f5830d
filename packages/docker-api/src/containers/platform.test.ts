import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePlatform } from './platform.ts';

test('a platform is read as Docker writes it', () => {
  assert.deepEqual(parsePlatform('linux/amd64'), { os: 'linux', architecture: 'amd64' });
  assert.deepEqual(parsePlatform('Linux/x86_64'), { os: 'linux', architecture: 'amd64' });
  assert.deepEqual(parsePlatform('linux/arm/v7'), { os: 'linux', architecture: 'arm', variant: 'v7' });
  assert.deepEqual(parsePlatform('windows'), { os: 'windows' });
  assert.deepEqual(parsePlatform('aarch64'), { os: 'linux', architecture: 'arm64' });
  for (const bad of ['foobar', '', 'linux/', 'a/b/c/d', 'li nux'])
    assert.throws(() => parsePlatform(bad), { code: 'invalid', message: /unknown operating system/ }, bad);
});
