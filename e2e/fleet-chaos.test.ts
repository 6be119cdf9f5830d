import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { SeededRandom } from '@kraud/base';
import { image } from './harness/cloud.ts';
import { eventually } from './harness/command.ts';
import { Fleet } from './harness/fleet.ts';

/** `KRAUD_CHAOS` says how many of them are run. */
const seeds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20].slice(
  0,
  Number(process.env.KRAUD_CHAOS ?? 2),
);
const faultsMax = 4;
const pods = 4;
const patienceMs = 240_000;
const smallDisk = 2;

let fleet: Fleet;
let ids: string[];

before(async () => {
  const config = { host: { leaseTtlMs: 10_000 }, hosts: { massLossHoldMs: 5_000 } };
  fleet = await Fleet.start(3, config, smallDisk);
  const sleeps = ['run', '-d', '--restart', 'always', image, 'sleep', '100000'];
  ids = [];
  for (let n = 0; n < pods; n += 1) ids.push(await fleet.host(0).ok(sleeps, { timeoutMs: 180_000 }));
});

after(async () => {
  await fleet?.stop();
});

/** Each thing that can go wrong, and what puts it right again. */
const faults: Record<string, (n: number, random: SeededRandom) => Promise<() => Promise<void>>> = {
  'host dies': async (n) => {
    await fleet.kill(n);
    return () => fleet.host(n).startDaemon();
  },
  'daemon is killed': async (n) => {
    await fleet.host(n).killDaemon();
    return () => fleet.host(n).startDaemon();
  },
  'daemon is paused': async (n) => {
    const { pid } = fleet.host(n);
    process.kill(pid, 'SIGSTOP');
    return async () => void process.kill(pid, 'SIGCONT');
  },
  'host is cut off': async (n) => {
    await fleet.cut(n);
    return () => fleet.mend(n);
  },
  'etcd member is killed': async (n) => {
    await fleet.members.kill(n + 1);
    return async () => {
      fleet.members.start(n + 1);
      await fleet.members.healthy(n + 1);
    };
  },
  'VMs are killed': async (n) => {
    for (const pid of await fleet.host(n).vmms()) process.kill(pid, 'SIGKILL');
    return async () => {};
  },
  'disk is full': async () => {
    const path = join(fleet.host(smallDisk).dir, 'filler');
    try {
      for (let n = 0; n < 4096; n += 1) writeFileSync(path, Buffer.alloc(1024 * 1024), { flag: 'a' });
    } catch (error) {
      assert.match(String(error), /ENOSPC/);
    }
    return async () => rmSync(path, { force: true });
  },
};

for (const seed of seeds) {
  test(`whatever fails, every pod runs once in the end (seed ${seed})`, async (t) => {
    const random = new SeededRandom(seed);
    const names = Object.keys(faults);
    const doubles = fleet.watchDoubles();
    for (let n = 0; n < faultsMax; n += 1) {
      const name = names[random.below(names.length)] ?? '';
      const host = random.below(fleet.hosts.length);
      t.diagnostic(`${fleet.name(host)}: ${name}`);
      const mend = await faults[name]?.(host, random);
      await delay(random.below(14_000));
      await mend?.();
      await delay(random.below(3_000));
    }
    await eventually(
      'every pod runs once',
      async () => {
        const running = fleet.running();
        if (running.size !== pods || [...running.values()].some(({ length }) => length !== 1)) return false;
        const states = await fleet.host(0).ok(['inspect', '--format', '{{.State.Running}}', ...ids]);
        return states.split('\n').every((state) => state === 'true');
      },
      patienceMs,
    );
    assert.deepEqual(doubles(), []);
    for (const id of ids) assert.equal(await fleet.host(1).ok(['exec', id, 'echo', 'in']), 'in');
  });
}

test('nothing is left in the store', async () => {
  await fleet.host(0).ok(['rm', '-f', ...ids], { timeoutMs: 120_000 });
  await eventually('no VM runs', async () => fleet.running().size === 0, patienceMs);
  const keys = await fleet.members.keys();
  assert.deepEqual(
    keys.filter((key) => key.includes('/pod/')),
    [],
  );
  assert.equal(keys.filter((key) => key.includes('/lease/host/')).length, fleet.hosts.length);
});
