import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '@kraud/base';
import type { Pod } from '@kraud/macro';
import { linkedPods, linkNames, linkVariables, withLinkVariables } from './links.ts';

const uid = 'd'.repeat(64);
const db = {
  meta: { uid, name: 'db' },
  spec: {
    hostname: 'dbhost',
    networks: [{ name: 'default', aliases: [] }],
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

/** One pod, which `change` makes another. */
class Pods {
  readonly clock = new FakeClock();
  readonly #listeners = new Set<() => void>();
  #pod: Pod | undefined;

  constructor(pod: Pod | undefined) {
    this.#pod = pod;
  }

  get parts(): World {
    const byUid = (wanted: string) => (this.#pod?.meta.uid === wanted ? this.#pod : undefined);
    const subscribe = (listener: () => void) => {
      this.#listeners.add(listener);
      return () => this.#listeners.delete(listener);
    };
    return { pods: { byUid, subscribe }, clock: this.clock } as unknown as World;
  }

  get followers(): number {
    return this.#listeners.size;
  }

  change(pod: Pod | undefined): void {
    this.#pod = pod;
    for (const listener of this.#listeners) listener();
  }
}

const world = (pod: Pod | undefined): World => new Pods(pod).parts;

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

test('one that is on other networks only is no use', async () => {
  const other = { ...db, spec: { ...db.spec, networks: [{ name: 'back', aliases: [] }] } };
  await assert.rejects(linkedPods(world(other), web, signal), {
    code: 'conflict',
    message: 'Cannot link to /db, as it does not belong to the default network',
  });
});

test('one that is on its way is waited for', async () => {
  const pods = new Pods(inPhase('restarting'));
  const waiting = linkedPods(pods.parts, web, signal);
  pods.change(inPhase('starting'));
  await pods.clock.advance(1000);
  pods.change(inPhase('running'));
  const [linked] = await waiting;
  assert.deepEqual([linked?.alias, linked?.pod.status.phase], ['my-db', 'running']);
  assert.equal(pods.followers, 0);
});

test('the wait ends: with the one that is waited for, with time, and with the start', async () => {
  const gone = new Pods(inPhase('starting'));
  const none = linkedPods(gone.parts, web, signal);
  gone.change(undefined);
  assert.deepEqual(await none, []);
  const slow = new Pods(inPhase('starting'));
  const late = assert.rejects(linkedPods(slow.parts, web, signal), { code: 'conflict' });
  await slow.clock.advance(30_000);
  await late;
  const stop = new AbortController();
  const cut = new Pods(inPhase('starting'));
  const over = assert.rejects(linkedPods(cut.parts, web, stop.signal));
  stop.abort();
  await over;
  assert.deepEqual([gone.followers, slow.followers, cut.followers], [0, 0, 0]);
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
