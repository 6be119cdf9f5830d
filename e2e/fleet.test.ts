import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { image } from './harness/cloud.ts';
import { eventually, run } from './harness/command.ts';
import { Fleet } from './harness/fleet.ts';

/** `KRAUD_LEASE_MS=15000` tries the default one. */
const leaseTtlMs = Number(process.env.KRAUD_LEASE_MS ?? 10_000);
const patienceMs = leaseTtlMs + 110_000;
const count = 6;

let fleet: Fleet;
before(async () => {
  fleet = await Fleet.start(3, { host: { leaseTtlMs } });
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

/** Containers that may run anywhere, and begin on one host. */
async function startOn(n: number, howMany: number): Promise<string[]> {
  const others = [0, 1, 2].filter((other) => other !== n).map((other) => fleet.name(other));
  for (const name of others) await kra(0, 'host', 'cordon', name);
  const script = 'echo up; sleep 100000';
  const ids = await Promise.all(
    Array.from({ length: howMany }, () =>
      fleet
        .host(0)
        .ok(['run', '-d', '--restart', 'always', image, 'sh', '-c', script], { timeoutMs: 180_000 }),
    ),
  );
  for (const name of others) await kra(0, 'host', 'uncordon', name);
  assert.ok(allOn(ids, n));
  return ids;
}

/** One host dies, as when its power goes, and at the same time another is cut off: all replicas are on the third. */
async function loseTwo(dead: number, away: number): Promise<{ mend(): Promise<void> }> {
  await Promise.all([fleet.kill(dead), fleet.cut(away)]);
  return {
    mend: async () => {
      await Promise.all([fleet.host(dead).startDaemon(), fleet.mend(away)]);
      const near = 3 - dead - away;
      for (const n of [dead, away]) await eventually('it is ready again', () => isReady(n, near), patienceMs);
    },
  };
}

const allOn = (ids: readonly string[], n: number): boolean => {
  const there = places(ids);
  return there.length === ids.length && there.every(({ host }) => host === fleet.name(n));
};

test('pods of a host that dies, and of one that is cut off, run elsewhere, and never twice', async (t) => {
  const doubles = fleet.watchDoubles();
  // The first host leads, too.
  const [dead, away, near] = [0, 1, 2];
  const ids = [...(await startOn(dead, count / 2)), ...(await startOn(away, count / 2))];
  const lostAtMs = Date.now();
  const { mend } = await loseTwo(dead, away);
  const since = (what: string): void => t.diagnostic(`${what} after ${Date.now() - lostAtMs} ms`);
  await eventually(
    'the fence ended what the one had that is cut off',
    async () => places(ids).every(({ host }) => host !== fleet.name(away)),
    patienceMs,
  );
  since('the fence was done');
  await eventually('every pod runs elsewhere', async () => allOn(ids, near), patienceMs);
  since(`all VMs of both hosts ran again (lease + 5 s are ${leaseTtlMs + 5_000})`);
  const isUp = async (): Promise<boolean> =>
    !(await fleet.host(near).ok(['inspect', '--format', '{{.State.Running}}', ...ids])).includes('false');
  await eventually('and is known to', isUp, patienceMs);
  since('and were known to');
  await mend();

  for (const n of [0, 1, 2]) {
    const host = fleet.host(n);
    for (const id of ids) {
      assert.match(await host.ok(['logs', id]), /up/);
      assert.equal(await host.ok(['exec', id, 'echo', 'in']), 'in');
    }
  }
  assert.deepEqual(doubles(), []);
  await fleet.host(near).ok(['rm', '-f', ...ids], { timeoutMs: 120_000 });
  await eventually('nothing runs', async () => fleet.running().size === 0, patienceMs);
});

async function kra(at: number, ...args: string[]): Promise<string> {
  const program = join(import.meta.dirname, '../bin/kra');
  const { code, stdout, stderr } = await run(program, ['--data-dir', fleet.host(at).dir, ...args]);
  assert.equal(code, 0, stderr);
  return stdout;
}

async function isReady(n: number, at: number): Promise<boolean> {
  const stdout = await kra(at, 'host', 'ls', '--json');
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

test('a service keeps its replicas when of three hosts one dies and one is cut off, and updates without dropping a request', async (t) => {
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

  const spread = new Set([...fleet.running().values()].flat());
  assert.equal(spread.size, 3, 'each host has some');
  const lostAtMs = Date.now();
  const { mend } = await loseTwo(1, 2);
  const onFirst = (): string[] =>
    [...fleet.running().values()].flat().filter((host) => host === fleet.name(0));
  await eventually(
    'all replicas run on the one that is left',
    async () => onFirst().length === count && fleet.running().size === count,
    patienceMs,
  );
  await eventually('and all are known to', async () => (await replicas(0)) === full, patienceMs);
  t.diagnostic(`all ran again after ${Date.now() - lostAtMs} ms; lease + 5 s are ${leaseTtlMs + 5_000}`);
  await mend();

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
