import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { FakeClock, systemRandom } from '@kraud/base';
import { openMemoryStore } from '@kraud/macro';
import fc from 'fast-check';
import { Authority } from './authority.ts';
import { JoinTokens } from './join-tokens.ts';
import { peerLimits } from './limits.ts';
import { formatToken, parseToken } from './token.ts';

const clock = new FakeClock();
const random = systemRandom;
const store = openMemoryStore({ clock, random });
after(() => store.close());
const authority = await Authority.open({ store, clock, limits: peerLimits });
const limits = { ...peerLimits, joinTokensMax: 3 };
const tokens = new JoinTokens({ store, clock, random, limits, authority });
const refused = { code: 'unauthenticated' };

test('a token is good until it expires', async () => {
  const { token, expiresAt } = await tokens.issue(1000);
  assert.equal(Date.parse(expiresAt), clock.now() + 1000);
  await tokens.check(token);
  await tokens.check(token);
  await clock.advance(1000);
  await assert.rejects(tokens.check(token), refused);
});

test('who asks again gets the same token, while it is good for long', async () => {
  const { token } = await tokens.issue();
  assert.equal((await tokens.issue()).token, token);
  assert.notEqual((await tokens.issue(1000)).token, token, 'one with a life of its own');
  await clock.advance(limits.joinTokenTtlMsDefault / 2);
  const later = await tokens.issue();
  assert.notEqual(later.token, token);
  await tokens.check(token);
  await tokens.revoke();
  assert.notEqual((await tokens.issue()).token, later.token);
});

test('each role has tokens of its own, which end for themselves', async () => {
  const [worker, manager] = [await tokens.issue(), await tokens.issue(undefined, 'manager')];
  assert.notEqual(worker.token, manager.token);
  assert.deepEqual(
    [await tokens.check(worker.token), await tokens.check(manager.token)],
    ['worker', 'manager'],
  );
  await tokens.revoke('worker');
  await assert.rejects(tokens.check(worker.token), refused);
  assert.equal((await tokens.issue(undefined, 'manager')).token, manager.token);
  await tokens.revoke();
});

test('the store holds no secret', async () => {
  const { secret } = parseToken((await tokens.issue()).token);
  const { entries } = await store.list('/');
  assert.ok(entries.length > 0);
  for (const { key, value } of entries) assert.ok(!key.includes(secret) && !value.includes(secret));
});

test('a wrong secret, id or authority is refused', async () => {
  const good = parseToken((await tokens.issue()).token);
  await tokens.check(formatToken(good));
  const zeros = (text: string): string => '0'.repeat(text.length);
  for (const part of ['secret', 'id', 'authority'] as const) {
    await assert.rejects(tokens.check(formatToken({ ...good, [part]: zeros(good[part]) })), refused);
  }
});

test('tokens end when they are revoked, and expired ones make room for new ones', async () => {
  await tokens.revoke();
  const all = [await tokens.issue(1000), await tokens.issue(2000), await tokens.issue(3000)];
  await assert.rejects(tokens.issue(1000), { code: 'exhausted', message: /--rotate/ });
  await clock.advance(1000);
  all.push(await tokens.issue(5000));
  await tokens.revoke();
  for (const { token } of all) await assert.rejects(tokens.check(token), refused);
});

test('a life that is none is refused', async () => {
  for (const ttlMs of [0, -1, Number.NaN, limits.joinTokenTtlMsMax + 1]) {
    await assert.rejects(tokens.issue(ttlMs), { code: 'invalid' });
  }
});

test('what is written is read back, and nothing else is a token', () => {
  const hex = (length: number): fc.Arbitrary<string> =>
    fc
      .uint8Array({ minLength: length, maxLength: length })
      .map((bytes) => Buffer.from(bytes).toString('hex'));
  fc.assert(
    fc.property(hex(32), hex(8), hex(16), (digest, id, secret) => {
      const parts = { authority: digest, id, secret };
      assert.deepEqual(parseToken(formatToken(parts)), parts);
      assert.throws(() => parseToken(`${formatToken(parts)}0`), { code: 'invalid' });
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => void assert.throws(() => parseToken(text))));
});
