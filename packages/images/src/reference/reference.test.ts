import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KraudError } from '@kraud/base';
import fc from 'fast-check';
import { Reference } from './reference.ts';

const hex = 'a'.repeat(64);

test('names are read with the defaults that Docker has', () => {
  const table: [string, string, string][] = [
    ['alpine', 'docker.io/library/alpine', 'alpine'],
    ['alpine:3', 'docker.io/library/alpine:3', 'alpine:3'],
    ['library/alpine', 'docker.io/library/alpine', 'alpine'],
    ['docker.io/alpine', 'docker.io/library/alpine', 'alpine'],
    ['index.docker.io/alpine', 'docker.io/library/alpine', 'alpine'],
    ['me/app', 'docker.io/me/app', 'me/app'],
    ['docker.io/library/a/b', 'docker.io/library/a/b', 'library/a/b'],
    ['localhost/app', 'localhost/app', 'localhost/app'],
    ['localhost:5000/app:v1', 'localhost:5000/app:v1', 'localhost:5000/app:v1'],
    ['reg:5000/a/b:x', 'reg:5000/a/b:x', 'reg:5000/a/b:x'],
    ['reg.example/a', 'reg.example/a', 'reg.example/a'],
    ['Upper/app', 'Upper/app', 'Upper/app'],
    ['127.0.0.1:80/a', '127.0.0.1:80/a', '127.0.0.1:80/a'],
    ['[::1]:5000/a', '[::1]:5000/a', '[::1]:5000/a'],
    [`alpine@sha256:${hex}`, `docker.io/library/alpine@sha256:${hex}`, `alpine@sha256:${hex}`],
    [`alpine:3@sha256:${hex}`, `docker.io/library/alpine:3@sha256:${hex}`, `alpine:3@sha256:${hex}`],
    ['a__b/c---d/e.f_g', 'docker.io/a__b/c---d/e.f_g', 'a__b/c---d/e.f_g'],
    [`app:${'t'.repeat(128)}`, `docker.io/library/app:${'t'.repeat(128)}`, `app:${'t'.repeat(128)}`],
  ];
  for (const [text, full, familiar] of table) {
    const reference = Reference.parse(text);
    assert.equal(reference.toString(), full, text);
    assert.equal(reference.familiar(), familiar, text);
    assert.deepEqual(Reference.parse(reference.familiar()), reference, text);
  }
});

test('what is not a name is refused with the words that Docker has', () => {
  const table: [string, RegExp][] = [
    ['', /must have at least one component/],
    [hex, /cannot specify 64-byte hexadecimal strings/],
    ['Alpine', /repository name \(library\/Alpine\) must be lowercase/],
    ['reg.example/Alpine', /must be lowercase/],
    ['a//b', /invalid reference format/],
    ['a/', /invalid reference format/],
    ['/a', /invalid reference format/],
    ['a:', /invalid reference format/],
    ['a:b c', /invalid reference format/],
    ['a@sha256:abc', /invalid reference format/],
    [`a@sha256:${hex.slice(1)}`, /invalid digest/],
    [`a@sha512:${hex}${hex}`, /unsupported digest algorithm/],
    [`app:${'t'.repeat(129)}`, /invalid reference format/],
    ['a..b', /invalid reference format/],
    ['-a', /invalid reference format/],
    ['a___b', /invalid reference format/],
    ['reg.example:port/a', /invalid reference format/],
    [`reg.example/${'a'.repeat(256)}`, /must not be more than 255 characters/],
    ['a\n', /invalid reference format/],
    ['https://reg.example/a', /invalid reference format/],
  ];
  for (const [text, message] of table)
    assert.throws(
      () => Reference.parse(text),
      (error) => error instanceof KraudError && message.test(error.message),
      JSON.stringify(text),
    );
});

test('the default tag is for names that have neither tag nor digest', () => {
  assert.equal(Reference.parse('a').withDefaultTag().familiar(), 'a:latest');
  assert.equal(Reference.parse('a:b').withDefaultTag().familiar(), 'a:b');
  assert.equal(Reference.parse(`a@sha256:${hex}`).withDefaultTag().familiar(), `a@sha256:${hex}`);
});

test('whatever is accepted is written in both forms and read back the same', () => {
  const component = fc.stringMatching(/^[a-z0-9]{1,6}([._-][a-z0-9]{1,6})?$/);
  const domain = fc.constantFrom('', 'docker.io/', 'localhost/', 'reg.example/', 'host:5000/', 'UPPER/');
  const tag = fc.option(fc.stringMatching(/^\w[\w.-]{0,20}$/), { nil: undefined });
  fc.assert(
    fc.property(domain, fc.array(component, { minLength: 1, maxLength: 4 }), tag, (domain, path, tag) => {
      const reference = Reference.parse(domain + path.join('/') + (tag === undefined ? '' : `:${tag}`));
      assert.deepEqual(Reference.parse(reference.toString()), reference);
      assert.deepEqual(Reference.parse(reference.familiar()), reference);
    }),
  );
});

test('any text is either a name or refused, never a crash', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), (text) => {
      try {
        const reference = Reference.parse(text);
        assert.deepEqual(Reference.parse(reference.toString()), reference);
      } catch (error) {
        assert.ok(error instanceof KraudError);
      }
    }),
  );
});
