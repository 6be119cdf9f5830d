import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { silentLogger, systemRandom } from '@kraud/base';
import { LocalIdentity } from './identity.ts';
import { joinCloud } from './join.ts';
import { JoinTokens } from './join-tokens.ts';
import { certificatesOf, digestOf } from './key.ts';
import { makeRoot } from './root.ts';
import { endsSoon } from './root-end.ts';
import { firstRoots, formatRoots, type Root } from './roots.ts';
import { followRotation } from './rotation.ts';
import { freePort, type TestHost, TestHosts } from './testing/world.ts';
import { parseToken } from './token.ts';

const hosts = new TestHosts({ limits: { rotationLookMs: 5 } });
const { clock, limits, store } = hosts;
const dayMs = 86_400_000;
const scratch = mkdtempSync(join(tmpdir(), 'kraud-rotation-'));
after(async () => {
  await hosts.stop();
  rmSync(scratch, { recursive: true, force: true });
});

/** A host that does what a daemon does for it, until it is stopped. */
class Running {
  readonly host: TestHost;
  readonly #stop = new AbortController();
  readonly #loops: Promise<unknown>;

  private constructor(host: TestHost, all: readonly Running[]) {
    const { authority, identity } = host;
    const { signal } = this.#stop;
    this.host = host;
    host.listener.handle('/hello', (stream) => {
      stream.respond({ ':status': 200 });
      stream.end('hello');
    });
    const trusts = () => all.filter(({ isStopped }) => !isStopped).map((each) => each.host.identity.trust);
    const agreesOnTime = (): boolean => true;
    const rotation = { authority, hosts: trusts, agreesOnTime, clock, limits, logger: silentLogger };
    this.#loops = Promise.all([
      authority.run(signal),
      identity.run(signal),
      followRotation(rotation, signal),
    ]);
  }

  static async start(name: string, all: Running[], files = hosts.files()): Promise<Running> {
    const running = new Running(await hosts.start(name, files), all);
    all.push(running);
    return running;
  }

  get isStopped(): boolean {
    return this.#stop.signal.aborted;
  }

  get roots(): string[] {
    return certificatesOf(this.host.identity.ca);
  }

  async ask(other: Running): Promise<string> {
    const stream = this.host.sessions.session(other.host.resource).request({ ':path': '/hello' });
    return Buffer.concat(await stream.toArray()).toString();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loops;
  }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const isOver = (all: readonly Running[]): boolean =>
  all.every(({ host, isStopped, roots }) => isStopped || (!host.authority.state.next && roots.length === 1));

const all: Running[] = [];
const one = await Running.start('h1', all);
const two = await Running.start('h2', all);

async function joined(token: string, name: string) {
  const listen = { ip: '127.0.0.1', port: await freePort() };
  const address = `127.0.0.1:${one.host.address.port}`;
  return await joinCloud({ token, address }, { name, listen }, { files: hosts.files(), limits });
}

test('a new root: hosts talk all the way, one that was away follows later, tokens change', async () => {
  const away = await Running.start('h3', all);
  await away.stop();
  const [before, cloud] = [one.host.authority.cert, one.host.authority.cloud];
  const { token: old } = await one.host.membership.issueToken();
  assert.equal((await one.host.membership.issueToken()).token, old);
  let asked = 0;
  let over = false;
  const talking = (async () => {
    for (; !over; asked += 1)
      assert.deepEqual(await Promise.all([one.ask(two), two.ask(one)]), ['hello', 'hello']);
  })();
  await (await one.host.membership.rotation())();
  assert.equal(
    digestOf(one.host.authority.state.next?.cert ?? ''),
    one.host.authority.state.trusted[1]?.digest,
  );
  await until(() => isOver(all));
  const enough = asked + 3;
  await until(() => asked >= enough);
  over = true;
  await talking;
  const root = one.host.authority.cert;
  assert.notEqual(root, before);
  for (const { host, roots } of [one, two]) {
    assert.deepEqual(roots, [root.trim()]);
    assert.ok(new X509Certificate(host.identity.cert).verify(new X509Certificate(root).publicKey));
    assert.equal((await host.files.read())?.ca, root.trim(), 'it is kept');
  }
  await assert.rejects(joined(old, 'h4'), { code: 'unauthenticated', message: /does not match fingerprint/ });
  const { token } = await two.host.membership.issueToken();
  assert.equal(parseToken(token).authority, digestOf(root));
  const saved = await joined(token, 'h4');
  assert.deepEqual([saved.ca, saved.cloud, saved.pinned], [root.trim(), cloud, digestOf(root)]);
  assert.deepEqual(away.roots, [before.trim()]);
  const back = await Running.start('h3', all, away.host.files);
  assert.equal(await back.ask(one), 'hello');
  assert.equal(await one.ask(back), 'hello');
  assert.deepEqual(back.roots, [root.trim()]);
});

test('all end in the middle of a change, and begin again where it was', async () => {
  const files = all.filter(({ isStopped }) => !isStopped).map(({ host }) => host.files);
  const before = one.roots;
  await (await one.host.membership.rotation())();
  await until(() => two.roots.join() !== before.join());
  for (const each of all) if (!each.isStopped) await each.stop();
  const anew: Running[] = [];
  for (const [n, each] of files.entries()) await Running.start(`h${n + 1}`, anew, each);
  await until(() => isOver(anew));
  const [first, second] = anew;
  assert.ok(first && second);
  assert.equal(await first.ask(second), 'hello');
  assert.notDeepEqual(first.roots, before);
  for (const each of anew) await each.stop();
});

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { cwd: scratch, stdio: 'pipe' });
}

/** A root as a user may have one, by OpenSSL's own tool. */
function ownRoot(name: string, options: { key?: string[]; days?: number; extension?: string } = {}) {
  const { key = ['rsa:2048'], days = 3650, extension = 'basicConstraints=critical,CA:TRUE' } = options;
  const files = ['-keyout', `${name}.key`, '-out', `${name}.pem`];
  const subject = ['-subj', `/O=Acme/CN=${name}`, '-days', String(days), '-addext', extension];
  openssl('req', '-x509', '-nodes', '-newkey', ...key, ...files, ...subject);
  const read = (file: string): string => readFileSync(join(scratch, file), 'utf8');
  return { cert: read(`${name}.pem`), key: read(`${name}.key`) };
}

test('a root of the user’s own, of any usual key', async () => {
  const anew: Running[] = [];
  const first = await Running.start('h6', anew);
  const second = await Running.start('h7', anew);
  const kinds = { rsa: ['rsa:2048'], p384: ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'] };
  for (const [name, key] of Object.entries(kinds)) {
    const own = ownRoot(name, { key });
    await (await first.host.membership.rotation(own))();
    await until(() => isOver(anew));
    assert.equal(digestOf(first.host.authority.cert), digestOf(own.cert));
    assert.equal(await first.ask(second), 'hello');
  }
  for (const each of anew) await each.stop();
});

test('a root that could not do is refused by name', async () => {
  const { membership, authority } = one.host;
  const good = ownRoot('good');
  const other = ownRoot('other');
  openssl(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'leaf.key',
    '-out',
    'leaf.csr',
    '-subj',
    '/CN=leaf',
  );
  openssl(
    'x509',
    '-req',
    '-in',
    'leaf.csr',
    '-CA',
    'good.pem',
    '-CAkey',
    'good.key',
    '-out',
    'leaf.pem',
    '-days',
    '900',
  );
  openssl('pkcs8', '-topk8', '-in', 'good.key', '-out', 'locked.key', '-passout', 'pass:x');
  const read = (file: string): string => readFileSync(join(scratch, file), 'utf8');
  const twin = ownRoot('twin');
  const state = JSON.stringify(authority.state);
  const cases: [{ cert: string; key: string }, RegExp][] = [
    [{ ...good, cert: 'nonsense' }, /could not parse the desired CA certificate/],
    [{ ...good, key: 'nonsense' }, /could not parse the CA key/],
    [{ ...good, key: read('locked.key') }, /must not be encrypted/],
    [{ ...good, key: other.key }, /does not belong to the CA certificate/],
    [{ ...good, cert: `${good.cert}${other.cert}` }, /cannot contain multiple certificates/],
    [{ cert: read('leaf.pem'), key: read('leaf.key') }, /must be a root: a CA, signed by itself/],
    [ownRoot('brief', { days: 300 }), /expires too soon/],
    [
      ownRoot('plain', { extension: 'keyUsage=digitalSignature' }),
      /must be a root|may not sign other certificates/,
    ],
    [ownRoot('ed', { key: ['ed25519'] }), /must be one of P-256, P-384 or P-521, or an RSA key/],
  ];
  for (const [given, message] of cases) {
    await assert.rejects(membership.rotation(given), { code: 'invalid', message });
  }
  assert.equal(JSON.stringify(authority.state), state, 'nothing has changed');
  await (await membership.rotation(twin))();
  const same = ownRoot('twin');
  await assert.rejects(membership.rotation(same), { code: 'invalid', message: /has the subject of one/ });
});

test('a root that nears its end is replaced by itself, once, and not by a clock that is alone with its time', async () => {
  const dying = await makeRoot(clock.now(), { ...limits, authorityTtlMs: 100 * dayMs });
  const old = new TestHosts({ limits: { rotationLookMs: 5, rootLookMs: 5 } });
  const value = formatRoots(firstRoots(dying));
  await old.store.txn({ compare: [], success: [{ op: 'put', key: '/cluster/ca', value }] });
  const [h1, h2] = [await old.start('h1'), await old.start('h2')];
  const stop = new AbortController();
  let [agree, asked] = [false, 0];
  const agreesOnTime = (): boolean => {
    asked += 1;
    return agree;
  };
  const follow = ({ authority, identity }: TestHost): Promise<unknown> => {
    const trusts = () => [h1, h2].map((host) => host.identity.trust);
    const parts = { authority, hosts: trusts, agreesOnTime, clock, logger: silentLogger };
    return Promise.all([
      authority.run(stop.signal),
      identity.run(stop.signal),
      followRotation({ ...parts, limits: old.limits }, stop.signal),
    ]);
  };
  const following = Promise.all([follow(h1), follow(h2)]);
  await until(() => asked >= 6);
  assert.equal(h1.authority.cert, dying.cert, 'the clocks differ');
  agree = true;
  await until(() => h1.authority.cert !== dying.cert && !h1.authority.state.next);
  const { cert, cloud } = h1.authority;
  await until(() => h2.authority.cert === cert && !h2.authority.state.next);
  assert.equal(cloud, digestOf(dying.cert));
  assert.ok(new X509Certificate(cert).validToDate.getTime() > clock.now() + 9 * 365 * dayMs);
  assert.equal(await h1.authority.replaceEnding(), false);
  stop.abort();
  await following;
  await old.stop();
});

test('a root that a user gave goes later than one of our own', async () => {
  const day = (left: number): number => clock.now() + (100 - left) * dayMs;
  const own = await makeRoot(clock.now(), { ...limits, authorityTtlMs: 100 * dayMs });
  const given = ownRoot('given', { days: 100 });
  const ends = (root: Root, left: number): boolean => endsSoon(root, day(left), limits, dayMs);
  assert.deepEqual(
    [ends(own, 99), ends(given, 99), ends(given, 31), ends(given, 29)],
    [true, false, false, true],
  );
  const young = await makeRoot(clock.now(), limits);
  assert.equal(endsSoon(young, clock.now(), limits, dayMs), false);
  assert.equal(endsSoon(young, clock.now(), limits, 3651 * dayMs), true, 'certificates would be cut short');
});

test('another cloud’s identity is still refused, and one of before roots could be replaced is not', async () => {
  const host = await hosts.start('h8');
  const parts = { ...host, clock, limits, logger: silentLogger };
  const saved = await host.files.read();
  assert.ok(saved);
  const { cloud: _, ...before } = saved;
  const first = new TestHosts();
  const old = await first.start('h8');
  await old.files.save({ ...before, ca: old.authority.cert, cert: old.identity.cert });
  const again = await LocalIdentity.open('h8', old.address, { ...parts, ...old });
  assert.equal((await old.files.read())?.cloud, again.trust.roots[0]);
  await assert.rejects(LocalIdentity.open('h8', host.address, { ...parts, files: old.files }), {
    code: 'conflict',
    message: /belongs to another cloud/,
  });
  await first.stop();
});

test('tokens of a root that is no more make room', async () => {
  const { authority } = one.host;
  const tokens = new JoinTokens({
    store,
    clock,
    random: systemRandom,
    authority,
    limits: { ...limits, joinTokensMax: 1 },
  });
  await tokens.revoke();
  const { token } = await tokens.issue();
  await assert.rejects(tokens.issue(1000), { code: 'exhausted' });
  const gone = { ...authority, cert: one.host.identity.issuer, trusts: () => false };
  const later = new JoinTokens({
    store,
    clock,
    random: systemRandom,
    authority: gone,
    limits: { ...limits, joinTokensMax: 1 },
  });
  await assert.rejects(later.check(token), { code: 'unauthenticated' });
  await later.issue(1000);
});
