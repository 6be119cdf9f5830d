import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePlatform } from './platform.ts';

test('a platform is read as Docker writes it', () => {
  assert.deepEqual(parsePlatform('linux/amd64'), { os: 'linux', architecture: 'amd64' });
  assert.deepEqual(parsePlatform('Linux/x86_64'), { os: 'linux', architecture: 'amd64' });
  assert.deepEqual(parsePlatform('linux/arm/v7'), { os: 'linux', architecture: 'arm', variant: 'v7' });
  assert.deepEqual(parsePlatform('windows'), { os: 'windows' });
  assert.deepEqual(parsePlatform('aarch64'), { os: 'linux', architecture: 'arm64' });
  assert.deepEqual(parsePlatform('macos/arm64'), { os: 'darwin', architecture: 'arm64' });
  for (const [bad, message] of [
    ['foobar', /unknown operating system or architecture/],
    ['', /is an invalid component/],
    ['   ', /^" {3}" is an invalid component of " {3}"/],
    ['linux/', /^"" is an invalid component of "linux\/"/],
    ['li nux', /is an invalid component/],
    ['a/b/c/d', /cannot parse platform specifier/],
  ] as const)
    assert.throws(() => parsePlatform(bad), { code: 'invalid', message }, bad);
});
