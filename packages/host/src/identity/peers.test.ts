import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { after, test } from 'node:test';
import { KraudError, silentLogger, systemClock } from '@kraud/base';
import type { Host } from '@kraud/macro';
import { ask } from './ask.ts';
import { Authority } from './authority.ts';
import { joinCloud } from './join.ts';
import { makeKey, makeRequest } from './key.ts';
import { TlsPeerSessions } from './sessions.ts';
import { freePort, resourceOf, sharedStore, TestHosts } from './testing/world.ts';
import { parseToken } from './token.ts';

const hosts = new TestHosts();
after(() => hosts.stop());
const first = await hosts.start('h1');
first.listener.handle('/hello', (stream, _headers, peer) => {
  stream.respond({ ':status': 200 });
  stream.end(`hello ${peer.name}`);
});
const bounds = { timeoutMs: 60_000, bytesMax: 10_000 };
const at = `127.0.0.1:${first.address.port}`;

async function get(sessions: TlsPeerSessions, host: Host, path: string): Promise<string> {
  const stream = sessions.session(host).request({ ':path': path });
  const status = new Promise((resolve, reject) => {
    stream.once('response', (headers) => resolve(headers[':status']));
    stream.once('error', reject);
    stream.once('close', () => reject(new KraudError('unavailable', 'closed')));
  });
  status.catch(() => {});
  const text = Buffer.concat(await stream.toArray()).toString();
  return `${await status} ${text}`;
}

test('a machine joins with a token, is told the store, and is served as a member', async () => {
  const files = hosts.files();
  const { token, address } = await first.membership.issueToken();
  assert.equal(address, at);
  const listen = { ip: '127.0.0.1', port: await freePort() };
  const saved = await joinCloud({ token, address }, { name: 'h2', listen }, { files, limits: hosts.limits });
  assert.deepEqual(saved.store, sharedStore);
  assert.equal(saved.ca, first.authority.cert);
  assert.deepEqual(saved.arrival, { manager: false, cordoned: false, drained: false });
  const second = await hosts.start('h2', files);
  assert.equal(await get(second.sessions, first.resource, '/hello/you'), '200 hello h2');
  const session = second.sessions.session(first.resource);
  assert.equal(second.sessions.session(first.resource), session, 'the session is used again');
  assert.match(await get(second.sessions, first.resource, '/other'), /^404 .*does not know/);
});

test('a manager’s token makes a manager; a host that forgot its cloud may come again', async () => {
  const { token, address } = await first.membership.issueToken(undefined, 'manager');
  const [files, listen] = [hosts.files(), { ip: '127.0.0.1', port: 7000 }];
  const join = () =>
    joinCloud({ token, address }, { name: 'comes-back', listen }, { files, limits: hosts.limits });
  assert.equal((await join()).arrival?.manager, true);
  await files.forget();
  await files.forget();
  assert.equal(await files.read(), undefined);
  await join();
  await first.membership.revokeTokens('worker');
  await join();
  await first.membership.revokeTokens('manager');
  await assert.rejects(join(), { code: 'unauthenticated' });
});

test('a name is taken once; the same machine may repeat its join', async () => {
  const { token, address } = await first.membership.issueToken();
  const listen = { ip: '127.0.0.1', port: 7000 };
  const files = hosts.files();
  const parts = { files, limits: hosts.limits };
  await joinCloud({ token, address }, { name: 'h3', listen }, parts);
  await joinCloud({ token, address }, { name: 'h3', listen }, parts);
  const other = { files: hosts.files(), limits: hosts.limits };
  await assert.rejects(joinCloud({ token, address }, { name: 'h3', listen }, other), {
    code: 'exists',
    message: /h3 belongs to this cloud already; choose another --name/,
  });
});

test('a token is no good once it was revoked, and none is sent to another cloud', async () => {
  const { token, address } = await first.membership.issueToken();
  const self = { name: 'h4', listen: { ip: '127.0.0.1', port: 7000 } };
  const parts = { files: hosts.files(), limits: hosts.limits };
  const { authority, id, secret } = parseToken(token);
  const wrong = `kra-1-${authority.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))}-${id}-${secret}`;
  await assert.rejects(joinCloud({ token: wrong, address }, self, parts), {
    code: 'unauthenticated',
    message: /is not of the cloud that made this join token; nothing was sent/,
  });
  await first.membership.revokeTokens();
  await assert.rejects(joinCloud({ token, address }, self, parts), {
    code: 'unauthenticated',
    message: /A valid join token is necessary to join this cluster/,
  });
  assert.equal(await parts.files.read(), undefined, 'nothing was written down');
});

test('without a certificate of a member nothing is served', async () => {
  const { authority } = first;
  const nobody = await ask(at, { ca: authority.cert }, { method: 'GET', path: '/hello' }, bounds);
  assert.match(nobody.text, /only hosts of this cloud are served/);
  assert.equal(nobody.status, 403);
  // A good certificate for a name that nobody was taken in by.
  const key = makeKey();
  const cert = await authority.issue(await makeRequest('h9', key), { name: 'h9', ip: '127.0.0.1' });
  const stranger = await ask(
    at,
    { ca: authority.cert, cert, key },
    { method: 'GET', path: '/hello' },
    bounds,
  );
  assert.equal(stranger.status, 403);
  // The name of a member, and another key.
  const twin = await authority.issue(await makeRequest('h1', key), { name: 'h1', ip: '127.0.0.1' });
  const thief = await ask(
    at,
    { ca: authority.cert, cert: twin, key },
    { method: 'GET', path: '/hello' },
    bounds,
  );
  assert.equal(thief.status, 403);
});

test('a host that was refused for its certificate is served once it has a good one', async () => {
  const { identity } = await hosts.start('h10');
  const ahead = { ...systemClock, now: () => Date.now() + 86_400_000 };
  const { store, limits } = hosts;
  const early = await Authority.open({ store, limits, clock: ahead });
  const request = await makeRequest('h10', identity.key);
  let cert = await early.issue(request, { name: 'h10', ip: '127.0.0.1' });
  const shown = {
    name: 'h10',
    key: identity.key,
    ca: identity.ca,
    get cert() {
      return cert;
    },
    onRenewed: () => () => {},
  };
  const sessions = new TlsPeerSessions({ identity: shown, limits, clock: systemClock, logger: silentLogger });
  assert.match(await get(sessions, first.resource, '/hello'), /^403/);
  cert = identity.cert;
  assert.equal(await get(sessions, first.resource, '/hello'), '200 hello h10');
  sessions.close();
});

test('a certificate of another CA is none', async () => {
  const others = new TestHosts();
  const foreign = await Authority.open(others);
  const key = makeKey();
  const cert = await foreign.issue(await makeRequest('h1', key), { name: 'h1', ip: '127.0.0.1' });
  const answer = await ask(
    at,
    { ca: first.authority.cert, cert, key },
    { method: 'GET', path: '/hello' },
    bounds,
  );
  assert.equal(answer.status, 403);
  await others.stop();
});

test('a host that answers under another name is not believed', async () => {
  const second = await hosts.start('h5');
  const wrong = resourceOf('h6', first.address);
  await assert.rejects(get(second.sessions, wrong, '/hello'));
  assert.equal(await get(second.sessions, first.resource, '/hello'), '200 hello h5');
});

test('a host that was removed is cut off, and its next start says why', async () => {
  const second = await hosts.start('h7');
  assert.equal(await get(second.sessions, first.resource, '/hello'), '200 hello h7');
  const session = second.sessions.session(first.resource);
  const closed = new Promise((resolve) => session.once('close', resolve));
  const told = new Promise((resolve) => second.members.onRemoved(resolve));
  await first.membership.remove('h7');
  assert.equal(await told, 'h7');
  await closed;
  assert.match(await get(second.sessions, first.resource, '/hello'), /^403/);
  await assert.rejects(hosts.start('h7', second.files), {
    code: 'forbidden',
    message: /was removed from its cloud/,
  });
});

test('wrong tokens are few', async () => {
  const few = new TestHosts({ limits: { wrongTokensPerMinuteMax: 3 } });
  after(() => few.stop());
  const host = await few.start('h1');
  const good = (await host.membership.issueToken()).token;
  const request = await makeRequest('h2', makeKey());
  const tell = async (token: string): Promise<number> => {
    const body = JSON.stringify({ token, name: 'h2', address: '127.0.0.1:7000', request });
    const to = `127.0.0.1:${host.address.port}`;
    const { ca } = host.identity;
    return (await ask(to, { ca }, { method: 'POST', path: '/kraud/join', body }, bounds)).status;
  };
  const wrong = `${good.slice(0, -32)}${'0'.repeat(32)}`;
  const statuses = new Set<number>();
  // Two minutes may be touched.
  for (let n = 0; n < 8; n += 1) statuses.add(await tell(wrong));
  assert.deepEqual([...statuses].sort(), [401, 429]);
});

test('what speaks no TLS harms nothing', async () => {
  const plain = connect(`http://${at}`);
  plain.on('error', () => {});
  await new Promise((resolve) => plain.once('close', resolve));
  const second = await hosts.start('h8');
  assert.equal(await get(second.sessions, first.resource, '/hello'), '200 hello h8');
});
