import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { codeOf, SeededRandom } from '@kraud/base';
import { TunnelKeys } from './key.ts';

const dir = mkdtempSync(join(tmpdir(), 'kraud-key-'));
const path = join(dir, 'tunnels/secret');
test.after(() => rmSync(dir, { recursive: true }));

test('a secret is made once, for root only, and gives each tenant a key of its own', () => {
  const keys = TunnelKeys.open(path, new SeededRandom(1));
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const again = TunnelKeys.open(path, new SeededRandom(2));
  assert.deepEqual(again.of('default'), keys.of('default'));
  assert.notEqual(keys.of('other').public, keys.of('default').public);
  assert.doesNotMatch(readFileSync(path, 'utf8'), new RegExp(keys.of('default').private.slice(0, 20)));
});

test('both sides of two keys agree, so the public one belongs to the private one', () => {
  const [a, b] = [1, 2].map((seed) => new TunnelKeys(new SeededRandom(seed).bytes(32)).of('t'));
  const head = { private: '302e020100300506032b656e04220420', public: '302a300506032b656e032100' };
  const der = (kind: 'private' | 'public', key = ''): Buffer =>
    Buffer.concat([Buffer.from(head[kind], 'hex'), Buffer.from(key, 'base64')]);
  const shared = (own = a, other = b): string =>
    diffieHellman({
      privateKey: createPrivateKey({ key: der('private', own?.private), format: 'der', type: 'pkcs8' }),
      publicKey: createPublicKey({ key: der('public', other?.public), format: 'der', type: 'spki' }),
    }).toString('hex');
  assert.equal(shared(a, b), shared(b, a));
});

test('another file in its place is named', () => {
  writeFileSync(path, 'nonsense');
  assert.throws(
    () => TunnelKeys.open(path, new SeededRandom(1)),
    (e) => codeOf(e) === 'corrupt' && String(e).includes(path),
  );
});
