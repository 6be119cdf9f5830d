import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { KraudError, silentLogger, systemClock, systemRandom } from '@kraud/base';
import { Authority, IdentityFiles, peerLimits, type SharedStore } from '@kraud/host';
import { openMemoryStore } from '@kraud/macro';
import { type Config, readConfig } from './config.ts';
import { parseFlags } from './flags.ts';
import { findPlace, joinObstacle, sharedStoreOf } from './join.ts';

const scratch = mkdtempSync(join(tmpdir(), 'kraud-place-'));
const store = openMemoryStore({ clock: systemClock, random: systemRandom });
after(async () => {
  await store.close();
  rmSync(scratch, { recursive: true, force: true });
});
const authority = await Authority.open({ store, clock: systemClock, limits: peerLimits });

const token = (digest: string): string => `kra-1-${digest}-${'a'.repeat(16)}-${'b'.repeat(32)}`;
const ours = token(authority.cloud);
const foreign = token('0'.repeat(64));
// Nobody listens there.
const nowhere = '127.0.0.1:1';

function config(dir: string, ...args: string[]): Config {
  return readConfig(parseFlags(['--data-dir', join(scratch, dir), ...args]), {});
}

/** A data directory of the host h1, as a join leaves it. */
async function joinedDir(dir: string, shared?: SharedStore): Promise<void> {
  await new IdentityFiles(join(scratch, dir, 'identity')).save({
    name: 'h1',
    listen: '10.0.0.1:7070',
    cert: 'unread',
    ca: authority.cert,
    ...(shared ? { store: shared } : {}),
  });
}

test('a host on its own has its machine’s name, an embedded store, and no address', async () => {
  const place = await findPlace(config('alone'), silentLogger);
  assert.equal(place.name, hostname());
  assert.equal(place.listen, undefined);
  assert.equal(place.store.kind, 'embedded');
  assert.equal((await findPlace(config('alone', '--name', 'me'), silentLogger)).name, 'me');
});

test('a host that joined knows its name, its address and the store', async () => {
  const shared = { address: 'etcd://10.0.0.9:2379', ca: 'a ca', cert: 'a cert', key: 'a key' };
  await joinedDir('joined', shared);
  const place = await findPlace(config('joined'), silentLogger);
  assert.equal(place.name, 'h1');
  assert.deepEqual(place.listen, { ip: '10.0.0.1', port: 7070 });
  assert.ok(place.store.kind === 'etcd');
  assert.equal(place.store.address, shared.address);
  assert.deepEqual(sharedStoreOf(place.store), shared, 'it can let others join as well');
});

test('flags win over what was kept, but for the name', async () => {
  await joinedDir('flags', { address: 'etcd://10.0.0.9:2379' });
  const args = ['--store', 'etcd://10.0.0.8:2379', '--listen', '[fd00::1]:7071', '--name', 'h1'];
  const place = await findPlace(config('flags', ...args), silentLogger);
  assert.deepEqual(place.listen, { ip: 'fd00::1', port: 7071 });
  assert.ok(place.store.kind === 'etcd' && place.store.address === 'etcd://10.0.0.8:2379');
  await assert.rejects(findPlace(config('flags', '--name', 'h2'), silentLogger), { code: 'conflict' });
});

test('--join may stay on the command line of a host that joined; another cloud’s is refused', async () => {
  await joinedDir('again', { address: 'etcd://10.0.0.9:2379' });
  const again = config('again', '--join', `${ours}@${nowhere}`, '--listen', '10.0.0.1:7070');
  assert.equal((await findPlace(again, silentLogger)).name, 'h1');
  await assert.rejects(findPlace(config('again', '--join', `${foreign}@${nowhere}`), silentLogger), {
    code: 'conflict',
    message: /is that of the host h1 of another cloud/,
  });
});

test('what can’t be is refused by name', async () => {
  mkdirSync(join(scratch, 'owner/store'), { recursive: true });
  const listen = ['--listen', '10.0.0.1:7070'];
  const etcd = ['--store', 'etcd://10.0.0.9:2379'];
  const cases: [string, string[], RegExp][] = [
    ['new', listen, /--listen needs a store that several hosts share: .*kra store migrate/],
    ['new', ['--join', `${ours}@${nowhere}`], /--join needs --listen IP:PORT/],
    ['new', ['--join', `${ours}@${nowhere}`, ...listen, ...etcd], /leave --store out/],
    ['owner', ['--join', `${ours}@${nowhere}`, ...listen], /holds a cloud of its own/],
    ['new', ['--join', `${ours}@${nowhere}`, ...listen], /the host at 127.0.0.1:1 does not answer/],
    ['new', ['--join', ours, ...listen], /--join must be TOKEN@ADDRESS:PORT/],
    ['new', ['--join', `kra-1-x@${nowhere}`, ...listen], /invalid join token/],
    ['new', ['--join', `${ours}@h1`, ...listen], /--join must be TOKEN@ADDRESS:PORT/],
    ['new', [...etcd, '--listen', '0.0.0.0:7070'], /an address that other hosts can reach, not 0.0.0.0/],
    ['new', [...etcd, '--listen', '10.0.0.1'], /--listen must be IP:PORT/],
    ['new', [...etcd, '--listen', '10.0.0.1:99999'], /--listen must be IP:PORT/],
    ['new', ['--name', 'no spaces'], /--name: 'no spaces' is not a host's name/],
    ['new', ['--label', 'zone'], /--label must be KEY=VALUE/],
  ];
  for (const [dir, args, message] of cases) {
    await assert.rejects(
      async () => findPlace(config(dir, ...args), silentLogger),
      (error) => error instanceof KraudError && message.test(error.message),
      `${args.join(' ')}: ${message}`,
    );
  }
});

test('a store that only this machine reaches can be shared on this machine only', async () => {
  const obstacle = async (store: string, listen: string): Promise<string | undefined> =>
    joinObstacle(await findPlace(config('near', '--store', store, '--listen', listen), silentLogger));
  const near = 'etcd://10.0.0.9:2379,127.0.0.1:2379';
  assert.match((await obstacle(near, '10.0.0.1:7070')) ?? '', /can’t reach the store at 127.0.0.1:2379/);
  assert.match((await obstacle('etcd://[::1]', '10.0.0.1:7070')) ?? '', /\[::1\]:2379/);
  assert.equal(await obstacle(near, '127.0.0.1:7070'), undefined);
  assert.equal(await obstacle('etcd://10.0.0.9:2379', '10.0.0.1:7070'), undefined);
});
