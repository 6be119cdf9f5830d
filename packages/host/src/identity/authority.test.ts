import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, test } from 'node:test';
import { FakeClock, systemRandom } from '@kraud/base';
import { openMemoryStore } from '@kraud/macro';
import { Authority } from './authority.ts';
import { digestOf, keyDigestOf, makeKey, makeRequest, nameOf } from './key.ts';
import { peerLimits } from './limits.ts';

const clock = new FakeClock();
const store = openMemoryStore({ clock, random: systemRandom });
after(() => store.close());
const parts = { store, clock, limits: peerLimits };

test('two that make the CA at one time have the same', async () => {
  const [one, other] = await Promise.all([Authority.open(parts), Authority.open(parts)]);
  assert.equal(one.cert, other.cert);
  assert.equal((await Authority.open(parts)).cloud, digestOf(one.cert));
  const ca = new X509Certificate(one.cert);
  assert.ok(ca.ca);
  assert.ok(ca.verify(ca.publicKey));
});

test('a certificate is for the name, the address and the key that it was asked for, and lives 30 days', async () => {
  const authority = await Authority.open(parts);
  const key = makeKey();
  const pem = await authority.issue(await makeRequest('asked-for', key), { name: 'host-1', ip: '10.1.2.3' });
  const cert = new X509Certificate(pem);
  assert.equal(nameOf(cert), 'host-1');
  assert.equal(cert.checkIP('10.1.2.3'), '10.1.2.3');
  assert.equal(cert.checkHost('host-1'), 'host-1');
  assert.equal(cert.ca, false);
  assert.ok(cert.verify(new X509Certificate(authority.cert).publicKey));
  assert.equal(cert.validToDate.getTime() - clock.now(), 30 * 86_400_000);
  assert.ok(cert.validFromDate.getTime() < clock.now());
  const again = await authority.issue(await makeRequest('x', key), { name: 'host-1', ip: 'fd00::1' });
  assert.equal(keyDigestOf(new X509Certificate(again)), keyDigestOf(cert));
  assert.notEqual(new X509Certificate(again).serialNumber, cert.serialNumber);
});

test('a request that is damaged, or was signed by another key, is refused', async () => {
  const authority = await Authority.open(parts);
  const request = await makeRequest('h', makeKey());
  const lines = request.trim().split('\n');
  const body = Buffer.from(lines.slice(1, -1).join(''), 'base64');
  body.writeUInt8(body.readUInt8(body.length - 1) ^ 1, body.length - 1);
  const forged = [lines[0], body.toString('base64'), lines.at(-1)].join('\n');
  for (const wrong of [forged, 'nonsense', '']) {
    await assert.rejects(authority.issue(wrong, { name: 'h', ip: '10.0.0.1' }), { code: 'invalid' });
  }
});
