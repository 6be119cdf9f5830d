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

type World = Parameters<typeof linkedPods>[0];

/** The pods as they are at each look, the last for ever. */
function world(...looks: (Pod | undefined)[]): World {
  const byUid = (wanted: string): Pod | undefined => {
    const pod = looks.length > 1 ? looks.shift() : looks[0];
    return pod?.meta.uid === wanted ? pod : undefined;
  };
  const clock = { monotonic: () => 0, sleep: () => Promise.resolve() };
  return { pods: { byUid }, clock } as unknown as World;
}

const { signal } = new AbortController();
const inPhase = (phase: Pod['status']['phase']): Pod => {
  const run = { wanted: 'running', serial: 1, stoppedByUser: false };
  const spec = { ...db.spec, run, restart: { name: 'no', retriesMax: 0 } };
  return { ...db, spec, status: { ...db.status, phase, serial: 1, containers: [] } } as unknown as Pod;
};

test('a linked pod tells its ports and variables', async () => {
  assert.deepEqual(linkVariables(web, await linkedPods(world(db), web, signal)), [
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

test('one that is there must run; one that is gone is no link any more', async () => {
  await assert.rejects(linkedPods(world(inPhase('exited')), web, signal), {
    code: 'conflict',
    message: 'Cannot link to a non running container: /db AS /web/my-db',
  });
  assert.deepEqual(await linkedPods(world(undefined), web, signal), []);
});

test('one that is on its way is waited for', async () => {
  const looks = world(inPhase('restarting'), inPhase('starting'), inPhase('running'));
  const [linked] = await linkedPods(looks, web, signal);
  assert.deepEqual([linked?.alias, linked?.pod.status.phase], ['my-db', 'running']);
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
