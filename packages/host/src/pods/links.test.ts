import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '@kraud/macro';
import { linkedPods, linkNames, linkVariables, withLinkVariables } from './links.ts';

const uid = 'd'.repeat(64);
const db = {
  meta: { uid, name: 'db' },
  spec: {
    hostname: 'dbhost',
    containers: [{ env: ['PATH=/bin', 'A=1', 'B=', 'C=x=y'] }],
    exposed: [
      { port: 6000, protocol: 'udp' },
      { port: 5432, protocol: 'tcp' },
    ],
  },
  status: { phase: 'running', network: { addresses: [{ network: 'default', ipv4: '10.0.0.2' }] } },
} as unknown as Pod;
const web = {
  meta: { name: 'web' },
  spec: { networks: [{ name: 'default', aliases: [], links: [{ alias: 'my-db', to: uid }] }] },
} as unknown as Pod;

function world(...pods: Pod[]): Parameters<typeof linkedPods>[0] {
  const byUid = (wanted: string): Pod | undefined => pods.find(({ meta }) => meta.uid === wanted);
  return { pods: { byUid } } as unknown as Parameters<typeof linkedPods>[0];
}

test('a linked pod tells its ports and variables', () => {
  assert.deepEqual(linkVariables(web, linkedPods(world(db), web)), [
    'MY_DB_NAME=/web/my-db',
    'MY_DB_PORT=tcp://10.0.0.2:5432',
    'MY_DB_PORT_5432_TCP=tcp://10.0.0.2:5432',
    'MY_DB_PORT_5432_TCP_ADDR=10.0.0.2',
    'MY_DB_PORT_5432_TCP_PORT=5432',
    'MY_DB_PORT_5432_TCP_PROTO=tcp',
    'MY_DB_PORT_6000_UDP=udp://10.0.0.2:6000',
    'MY_DB_PORT_6000_UDP_ADDR=10.0.0.2',
    'MY_DB_PORT_6000_UDP_PORT=6000',
    'MY_DB_PORT_6000_UDP_PROTO=udp',
    'MY_DB_ENV_A=1',
    'MY_DB_ENV_B=',
    'MY_DB_ENV_C=x=y',
  ]);
});

test('what a container sets itself stays', () => {
  assert.deepEqual(withLinkVariables(['X_NAME=own'], ['X_NAME=/a/x', 'X_PORT=1']), [
    'X_NAME=own',
    'X_PORT=1',
  ]);
});

test('one that is there must run; one that is gone is no link any more', () => {
  const stopped = { ...db, status: { ...db.status, phase: 'exited' } } as Pod;
  assert.throws(() => linkedPods(world(stopped), web), {
    code: 'conflict',
    message: 'Cannot link to a non running container: /db AS /web/my-db',
  });
  assert.deepEqual(linkedPods(world(), web), []);
});

test('on the default network it goes by all its names, on others by the one asked for', () => {
  const to = uid.slice(0, 12);
  const [place] = web.spec.networks;
  assert.deepEqual(
    place && linkNames(world(db), place),
    ['my-db', 'db', 'dbhost'].map((alias) => ({ alias, to })),
  );
  const back = { name: 'back', aliases: [], links: [{ alias: 'store', to: 'db' }] };
  assert.deepEqual(linkNames(world(db), back), back.links);
});
