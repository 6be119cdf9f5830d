import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { image } from './harness/cloud.ts';
import { eventually, run } from './harness/command.ts';
import { Fleet } from './harness/fleet.ts';

const leaseTtlMs = 10_000;
const patienceMs = leaseTtlMs + 110_000;
const count = 6;

let fleet: Fleet;
before(async () => {
  fleet = await Fleet.start(3, { host: { leaseTtlMs }, hosts: { massLossHoldMs: 5_000 } });
});
after(async () => {
  await fleet?.stop();
});

interface Place {
  readonly id: string;
  readonly host: string;
}

/** Where the pods run: those that have a VM. */
function places(ids: readonly string[]): Place[] {
  const running = fleet.running();
  return ids.flatMap((id) => (running.get(id) ?? []).map((host) => ({ id, host })));
}

/** The number of the host with most of the pods. */
function busiest(ids: readonly string[]): number {
  const load = (n: number): number => places(ids).filter(({ host }) => host === fleet.name(n)).length;
  return [0, 1, 2].reduce((best, n) => (load(n) > load(best) ? n : best));
}

async function allRun(ids: readonly string[], at: number, not: number): Promise<void> {
  await eventually(
    'every pod runs elsewhere',
    async () => {
      const there = places(ids);
      if (there.length !== ids.length || there.some(({ host }) => host === fleet.name(not))) return false;
      const states = await fleet.host(at).ok(['inspect', '--format', '{{.State.Running}}', ...ids]);
      return states.split('\n').every((state) => state === 'true');
    },
    patienceMs,
  );
}

test('pods of a host that dies, and of one that is cut off, run elsewhere, and never twice', async (t) => {
  const doubles = fleet.watchDoubles();
  const first = fleet.host(0);
  const ids = await Promise.all(
    Array.from({ length: count }, () =>
      first.ok(['run', '-d', '--restart', 'always', image, 'sh', '-c', 'echo up; sleep 100000'], {
        timeoutMs: 180_000,
      }),
    ),
  );
  await eventually('all run', async () => places(ids).length === count, patienceMs);

  const dead = busiest(ids);
  const other = (dead + 1) % 3;
  const diedAtMs = Date.now();
  await fleet.kill(dead);
  await allRun(ids, other, dead);
  const tookMs = Date.now() - diedAtMs;
  t.diagnostic(`a dead host's pods ran again after ${tookMs} ms; lease + 5 s are ${leaseTtlMs + 5_000}`);
  await fleet.host(dead).startDaemon();
  await eventually('it is ready again', () => isReady(dead, other), patienceMs);

  const away = busiest(ids);
  const near = (away + 1) % 3;
  const cutAtMs = Date.now();
  await fleet.cut(away);
  await eventually(
    'the fence ended what it had',
    async () => places(ids).every(({ host }) => host !== fleet.name(away)),
    patienceMs,
  );
  t.diagnostic(`its fence was done after ${Date.now() - cutAtMs} ms`);
  await allRun(ids, near, away);
  t.diagnostic(`a cut host's pods ran again after ${Date.now() - cutAtMs} ms`);
  await fleet.mend(away);
  await eventually('it is ready again', () => isReady(away, near), patienceMs);

  for (const n of [0, 1, 2]) {
    const host = fleet.host(n);
    for (const id of ids) {
      assert.match(await host.ok(['logs', id]), /up/);
      assert.equal(await host.ok(['exec', id, 'echo', 'in']), 'in');
    }
  }
  assert.deepEqual(doubles(), []);
  await first.ok(['rm', '-f', ...ids], { timeoutMs: 120_000 });
  await eventually('nothing runs', async () => fleet.running().size === 0, patienceMs);
});

async function isReady(n: number, at: number): Promise<boolean> {
  const kra = join(import.meta.dirname, '../bin/kra');
  const { stdout } = await run(kra, ['--data-dir', fleet.host(at).dir, 'host', 'ls', '--json']);
  const hosts = JSON.parse(stdout) as { name: string; state: string }[];
  return hosts.some(({ name, state }) => name === fleet.name(n) && state === 'ready');
}

const port = 18080;

/** Asks again and again, until told to stop; answers how often it was answered, and each failure. */
function client(url: string): () => Promise<{ answered: number; failures: string[] }> {
  const failures: string[] = [];
  let [answered, goesOn] = [0, true];
  const loop = (async () => {
    while (goesOn) {
      try {
        const answer = await fetch(url, {
          headers: { connection: 'close' },
          signal: AbortSignal.timeout(30_000),
        });
        await answer.text();
        if (answer.ok) answered += 1;
        else failures.push(`status ${answer.status}`);
      } catch (error) {
        failures.push(String(error instanceof Error && error.cause ? error.cause : error));
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  return async () => {
    goesOn = false;
    await loop;
    return { answered, failures };
  };
}

test('a service keeps its replicas through the death of a host, and updates without dropping a request', async (t) => {
  const first = fleet.host(0);
  await first.ok(['swarm', 'init']);
  const serve = (word: string): string => `echo ${word} >/index.html; exec httpd -f -p 8080 -h /`;
  const update = ['--update-order', 'start-first', '--update-parallelism', '2', '--update-delay', '0s'];
  await first.ok(
    [
      ...['service', 'create', '--detach', '--name', 'web', '--replicas', String(count), ...update],
      ...['--update-monitor', '1s', '--stop-grace-period', '1s'],
      ...['--publish', `${port}:8080`, image, 'sh', '-c', serve('one')],
    ],
    { timeoutMs: 120_000 },
  );
  const replicas = async (at: number): Promise<string> =>
    await fleet.host(at).ok(['service', 'ls', '--format', '{{.Replicas}}']);
  const full = `${count}/${count}`;
  await eventually('all replicas run', async () => (await replicas(0)) === full, patienceMs);

  const dead = 1;
  const diedAtMs = Date.now();
  await fleet.kill(dead);
  await eventually(
    'all replicas run elsewhere',
    async () => fleet.running().size >= count && (await replicas(0)) === full,
    patienceMs,
  );
  t.diagnostic(`replicas ran again after ${Date.now() - diedAtMs} ms; lease + 5 s are ${leaseTtlMs + 5_000}`);
  await fleet.host(dead).startDaemon();
  await eventually('it is ready again', () => isReady(dead, 0), patienceMs);

  const stop = client(`http://${fleet.machines.ip(3)}:${port}/`);
  await first.ok(['service', 'update', '--detach', '--args', `sh -c '${serve('two')}'`, 'web']);
  const said = async (): Promise<string> =>
    await (
      await fetch(`http://${fleet.machines.ip(1)}:${port}/`, { signal: AbortSignal.timeout(30_000) })
    ).text();
  const state = async (): Promise<string> =>
    await first.ok(['service', 'inspect', '--format', '{{.UpdateStatus.State}}', 'web']);
  await eventually('the update is done', async () => (await state()) === 'completed', patienceMs);
  assert.equal(await said(), 'two\n');
  await first.ok(['service', 'rollback', '--detach', 'web']);
  await eventually('it is rolled back', async () => (await state()) === 'rollback_completed', patienceMs);
  assert.equal(await said(), 'one\n');
  const { answered, failures } = await stop();
  t.diagnostic(`${answered} requests were answered meanwhile`);
  assert.deepEqual(failures, []);
  await first.ok(['service', 'rm', 'web']);
  await eventually('nothing runs', async () => fleet.running().size === 0, patienceMs);
});
