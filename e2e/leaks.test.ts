import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { image, TestCloud } from './harness/cloud.ts';
import { eventually } from './harness/command.ts';

/** `docker run --rm` many times, and the machine is as it was: `KRAUD_CYCLES=200` for the long form. */
const cycles = Number(process.env.KRAUD_CYCLES ?? 30);
const growthMiBMax = 48;

let cloud: TestCloud;
before(async () => {
  cloud = await TestCloud.start({ cradle: { warmMax: 1 } });
});
after(() => cloud.stop());

interface Holding {
  readonly vmms: number;
  readonly kernel: number;
  readonly files: number;
  readonly fds: number;
  readonly threads: number;
}

async function holding(): Promise<Holding> {
  return {
    vmms: (await cloud.vmms()).length,
    kernel: (await cloud.left()).length,
    // The store and the log grow by design; what is counted is files.
    files: readdirSync(cloud.dir, { recursive: true }).length,
    fds: readdirSync(`/proc/${cloud.pid}/fd`).length,
    threads: readdirSync(`/proc/${cloud.pid}/task`).length,
  };
}

const rssMiB = (): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${cloud.pid}/status`, 'utf8'))?.[1]) / 1024;

async function cycle(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    assert.equal(await cloud.ok(['run', '--rm', '-p', '127.0.0.1::80', image, 'echo', 'hi']), 'hi');
  }
}

/** A quiet machine: nothing runs, a warm slot waits, and no client's connection lingers. */
async function settled(what: string, wanted?: Holding): Promise<Holding> {
  await cloud.warm();
  let last: Holding | undefined;
  return await eventually(what, async () => {
    const now = await holding();
    const steady = JSON.stringify(now) === JSON.stringify(last);
    last = now;
    if (!steady || readdirSync(join(cloud.dir, 'pods')).length > 0) return undefined;
    if (wanted && (['vmms', 'kernel', 'files', 'fds'] as const).some((key) => now[key] > wanted[key])) {
      throw new Error(`${JSON.stringify(wanted)} was before, now ${JSON.stringify(now)}`);
    }
    return now;
  });
}

test(`${cycles} run and remove leave nothing`, async (t) => {
  // Until what is kept in memory on purpose, such as the store's latest changes, is at its bound.
  await cycle(40);
  const before = await settled('it is quiet');
  const memoryBefore = rssMiB();
  await cycle(cycles);
  const now = await settled('as it was before', before);
  const grown = rssMiB() - memoryBefore;
  t.diagnostic(
    `${cycles} cycles: ${JSON.stringify(before)} then ${JSON.stringify(now)}; RSS ${memoryBefore.toFixed(0)} MiB, grown by ${grown.toFixed(1)} MiB`,
  );
  assert.ok(grown < growthMiBMax, `the daemon grew by ${grown} MiB`);
});
