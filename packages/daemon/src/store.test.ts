import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { storePlace } from './store.ts';

const dir = mkdtempSync(join(tmpdir(), 'kraud-store-flags-'));
after(() => rmSync(dir, { recursive: true }));
const file = (name: string, content: string): string => {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
};
const pem = file('pem', '-----BEGIN CERTIFICATE-----\n');
const text = file('text', 'hello');
const store = 'etcd://h1:2379,h2';

test('the state is in the data directory unless a cluster is named', () => {
  assert.deepEqual(storePlace({}, '/d'), { kind: 'embedded', path: '/d/store' });
  assert.deepEqual(storePlace({ store }, '/d'), { kind: 'etcd', address: store, tls: undefined });
});

test('certificates are read', () => {
  const place = storePlace({ store, storeCa: pem, storeCert: pem, storeKey: pem }, '/d');
  assert.ok(place.kind === 'etcd');
  assert.deepEqual(Object.keys(place.tls ?? {}), ['ca', 'cert', 'key']);
});

const refused: [string, Parameters<typeof storePlace>[0], RegExp][] = [
  ['a certificate without a cluster', { storeCa: pem }, /--store-ca needs --store/],
  ['a certificate without its key', { store, storeCa: pem, storeCert: pem }, /--store-cert and --store-key/],
  [
    'a certificate of nobody known',
    { store, storeCert: pem, storeKey: pem },
    /--store-cert needs --store-ca/,
  ],
  ['another kind of address', { store: 'http://h1' }, /--store: .*etcd:\/\/host:port/],
  ['an endpoint that is none', { store: 'etcd://h1,' }, /--store: .*host:port/],
  ['a port that is none', { store: 'etcd://h1:70000' }, /--store: .*'h1:70000'/],
  ['a prefix that is none', { store: 'etcd://h1/a b' }, /--store: .*prefix/],
  ['a file that is not there', { store, storeCa: join(dir, 'none') }, /--store-ca: .*can't be read/],
  ['a file that is not PEM', { store, storeCa: text }, /--store-ca: .* is not PEM/],
];
for (const [what, flags, message] of refused) {
  test(`${what} is refused by name`, () => {
    assert.throws(() => storePlace(flags, '/d'), { code: 'invalid', message });
  });
}
