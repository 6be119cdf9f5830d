import assert from 'node:assert/strict';
import { test } from 'node:test';
import { familiar, inFull, joinName, referenceMatcher } from './image-names.ts';

for (const [name, full, shown] of [
  ['alpine', 'docker.io/library/alpine:latest', 'alpine:latest'],
  ['me/app:1', 'docker.io/me/app:1', 'me/app:1'],
  ['localhost:5000/app', 'localhost:5000/app:latest', 'localhost:5000/app:latest'],
  ['localhost/app:2', 'localhost/app:2', 'localhost/app:2'],
  ['docker.io/library/alpine:3', 'docker.io/library/alpine:3', 'alpine:3'],
] as const) {
  test(name, () => {
    assert.equal(inFull(name), full);
    assert.equal(familiar(full), shown);
  });
}

test('two parameters', () => {
  assert.equal(joinName('app', ''), 'app');
  assert.equal(joinName('app', '1'), 'app:1');
  assert.equal(joinName('app', 'sha256:ab'), 'app@sha256:ab');
  assert.equal(joinName('', '1'), '');
});

for (const [pattern, full, fits] of [
  ['alpine', 'docker.io/library/alpine:3', true],
  ['alpine:3', 'docker.io/library/alpine:3', true],
  ['alp*:*', 'docker.io/library/alpine:3', true],
  ['*', 'docker.io/me/app:1', false],
  ['*/*', 'docker.io/me/app:1', true],
  ['me/a?p', 'docker.io/me/app:1', true],
  ['a.p', 'docker.io/library/app:1', false],
  ['reg:5000/app', 'reg:5000/app:1', true],
] as const) {
  test(`${pattern} and ${full}: ${fits}`, () => assert.equal(referenceMatcher(pattern)(full), fits));
}
