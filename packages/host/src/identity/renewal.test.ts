import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { statSync } from 'node:fs';
import { after, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { type Clock, FakeClock, silentLogger } from '@kraud/base';
import { Authority } from './authority.ts';
import { LocalIdentity } from './identity.ts';
import { keyDigestOf, makeKey } from './key.ts';
import { Members } from './members.ts';
import { TestHosts } from './testing/world.ts';

const dayMs = 86_400_000;
// TLS looks at the real time.
const clock = new FakeClock(Date.now());
// A look at the clock is a step of the fake one, and there are many in a month.
const hosts = new TestHosts({ clock, limits: { clockLookMs: dayMs / 2 } });
after(() => hosts.stop());

const serialOf = (pem: string): string => new X509Certificate(pem).serialNumber;

/** Lets disk and crypto have their turns until it holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function dial(port: number, ca: string): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, ca, ALPNProtocols: ['h2'] });
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  return socket;
}

test('a certificate is renewed when a third of its life is left, for the same key; connections stay', async () => {
  const host = await hosts.start('h1');
  const { identity } = host;
  const before = identity.cert;
  const old = await dial(host.address.port, host.authority.cert);
  let renewals = 0;
  identity.onRenewed(() => {
    renewals += 1;
  });
  const abort = new AbortController();
  const running = identity.run(abort.signal);
  for (let day = 0; day < 19; day += 1) await clock.advance(dayMs);
  assert.equal(identity.cert, before, 'not before its time');
  for (let day = 0; day < 2; day += 1) await clock.advance(dayMs);
  await until(() => renewals === 1);
  assert.notEqual(serialOf(identity.cert), serialOf(before));
  const [then, now] = [new X509Certificate(before), new X509Certificate(identity.cert)];
  assert.equal(keyDigestOf(now), keyDigestOf(then));
  assert.equal((await host.files.read())?.cert, identity.cert, 'it is kept');
  abort.abort();
  await running;
  assert.ok(!old.destroyed);
  // The listener shows the new one to whoever comes now. It is from the future, which is all that is wrong with it.
  const socket = connect({
    host: '127.0.0.1',
    port: host.address.port,
    ca: host.authority.cert,
    rejectUnauthorized: false,
    ALPNProtocols: ['h2'],
  });
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  assert.equal(socket.getPeerX509Certificate()?.serialNumber, now.serialNumber);
  socket.destroy();
  old.destroy();
});

test('what can’t be renewed is tried again', async () => {
  const host = await hosts.start('h2');
  const { authority, files, members } = host;
  let broken = true;
  let tries = 0;
  const identity = await LocalIdentity.open('h2', host.address, {
    files,
    authority: {
      cert: authority.cert,
      trusted: authority.trusted,
      cloud: authority.cloud,
      certificateTtlMs: authority.certificateTtlMs,
      onChanged: () => () => {},
      issue: async (...args) => {
        tries += 1;
        if (broken) throw new Error('the store is away');
        return await authority.issue(...args);
      },
    },
    members,
    clock,
    limits: hosts.limits,
    logger: silentLogger,
  });
  const before = identity.cert;
  const abort = new AbortController();
  const running = identity.run(abort.signal);
  for (let day = 0; day < 22; day += 1) await clock.advance(dayMs);
  await until(() => tries > 0);
  assert.equal(identity.cert, before);
  broken = false;
  while (identity.cert === before) {
    await clock.advance(hosts.limits.renewRetryMs);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  abort.abort();
  await running;
});

test('a host that comes back late has a new certificate at once; another name or cloud is refused', async () => {
  const host = await hosts.start('h3');
  const { authority, files, members } = host;
  const parts = { files, authority, members, clock, limits: hosts.limits, logger: silentLogger };
  const same = await LocalIdentity.open('h3', host.address, parts);
  assert.equal(same.cert, host.identity.cert);
  await clock.advance(100 * dayMs);
  const late = await LocalIdentity.open('h3', host.address, parts);
  assert.notEqual(late.cert, host.identity.cert);
  assert.equal(late.key, host.identity.key);
  const moved = await LocalIdentity.open('h3', { ip: '127.0.0.2', port: 7000 }, parts);
  assert.ok(new X509Certificate(moved.cert).checkIP('127.0.0.2'));
  await assert.rejects(LocalIdentity.open('h4', host.address, parts), {
    code: 'conflict',
    message: /is that of the host h3; it can’t be named h4/,
  });
  const others = new TestHosts({ clock });
  const other = await others.start('h3');
  const { store } = others;
  const foreign = {
    authority: other.authority,
    members: new Members({ store, clock, logger: silentLogger }),
  };
  await assert.rejects(LocalIdentity.open('h3', host.address, { ...parts, ...foreign }), {
    code: 'conflict',
    message: /belongs to another cloud/,
  });
  await others.stop();
});

test('a certificate that was made while the clock was wrong is replaced once it is right', async () => {
  const host = await hosts.start('h5');
  const { files, members } = host;
  let aheadMs = 0;
  const wrong: Clock = {
    now: () => clock.now() + aheadMs,
    monotonic: () => clock.monotonic(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
  };
  const { store, limits } = hosts;
  const authority = await Authority.open({ store, clock: wrong, limits });
  const parts = { files, authority, members, clock: wrong, limits, logger: silentLogger };
  const isValid = (cert: string): boolean => {
    const { validFromDate, validToDate } = new X509Certificate(cert);
    return validFromDate.getTime() <= clock.now() && clock.now() < validToDate.getTime();
  };
  for (const ms of [40 * dayMs, -40 * dayMs]) {
    aheadMs = ms;
    const identity = await LocalIdentity.open('h5', host.address, parts);
    assert.ok(!isValid(identity.cert));
    const abort = new AbortController();
    const running = identity.run(abort.signal);
    await clock.advance(0);
    aheadMs = 0;
    await clock.advance(limits.clockLookMs);
    await until(() => isValid(identity.cert));
    abort.abort();
    await running;
    assert.ok(isValid((await LocalIdentity.open('h5', host.address, parts)).cert), 'it is kept');
  }
});

test('a certificate that lives longer than certificates do from now on is replaced', async () => {
  const host = await hosts.start('h6');
  const { files, members, authority } = host;
  const parts = { files, authority, members, clock, limits: hosts.limits, logger: silentLogger };
  const identity = await LocalIdentity.open('h6', host.address, parts);
  const before = identity.cert;
  const abort = new AbortController();
  const running = identity.run(abort.signal);
  hosts.lifeMs = 3_600_000;
  await clock.advance(dayMs);
  await until(() => identity.cert !== before);
  const { validToDate } = new X509Certificate(identity.cert);
  assert.ok(validToDate.getTime() <= clock.now() + hosts.lifeMs);
  hosts.lifeMs = hosts.limits.certificateTtlMs;
  abort.abort();
  await running;
});

test('the key is made once, and only its owner may read it', async () => {
  const files = hosts.files();
  const key = await files.key();
  assert.equal(await files.key(), key);
  assert.notEqual(makeKey(), key);
  await files.save({ name: 'h', listen: '10.0.0.1:7000', cert: 'c', ca: 'a' });
  for (const name of ['key.pem', 'host.json']) {
    assert.equal(statSync(`${files.dir}/${name}`).mode & 0o777, 0o600);
  }
  assert.equal(statSync(files.dir).mode & 0o777, 0o700);
});
