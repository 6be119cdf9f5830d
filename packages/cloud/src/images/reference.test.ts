import assert from 'node:assert/strict';
import { test } from 'node:test';
import { familiarName, fullName, parseImageName } from './reference.ts';

const digest = `sha256:${'a'.repeat(64)}`;
for (const [text, full, familiar] of [
  ['alpine', 'docker.io/library/alpine:latest', 'alpine:latest'],
  ['user/app:1', 'docker.io/user/app:1', 'user/app:1'],
  ['localhost:5000/app', 'localhost:5000/app:latest', 'localhost:5000/app:latest'],
  ['localhost/app', 'localhost/app:latest', 'localhost/app:latest'],
  [`app@${digest}`, `docker.io/library/app@${digest}`, `app@${digest}`],
  ['index.docker.io/library/app', 'docker.io/library/app:latest', 'app:latest'],
  ['a.b/c/d:x', 'a.b/c/d:x', 'a.b/c/d:x'],
] as const) {
  test(text, () => {
    assert.equal(fullName(parseImageName(text)), full);
    assert.equal(familiarName(full), familiar);
  });
}

for (const text of [
  '',
  'App',
  'a//b',
  'a:',
  'a:b c',
  ':x',
  'a@sha256:12',
  '-a',
  'a/',
  `${'a'.repeat(300)}`,
]) {
  test(`'${text.slice(0, 20)}' is refused`, () => {
    assert.throws(() => parseImageName(text), { code: 'invalid' });
  });
}
