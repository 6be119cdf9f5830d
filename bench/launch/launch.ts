import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { busyboxTar } from '../image.ts';
import { Kraudd } from '../kraudd.ts';
import { type Summary, summary, timed } from '../samples.ts';
import { vmmPssMiB } from './memory.ts';
import { findPeers, type Peer } from './peers.ts';
import { printTable } from './table.ts';

const idlePods = 10;
const herd = 20;
const restMs = 250;
const echo = ['/bin/echo', 'hi'];

type Metrics = Record<string, Summary | number>;

/** What it takes to start a container, beside the peers on this machine, interleaved in one run. */
export async function launch(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { json: { type: 'boolean', default: false }, n: { type: 'string', default: '30' } },
  });
  const n = Number(values.n);
  if (!Number.isInteger(n) || n < 1) throw new Error(`--n must be a whole number from 1, not ${values.n}`);
  const dir = mkdtempSync(join(tmpdir(), 'kraud-bench-'));
  const say = (line: string): void => console.error(line);
  const tar = await busyboxTar(dir);
  const warm = new Kraudd(join(dir, 'warm'));
  const cold = new Kraudd(join(dir, 'cold'));
  const bare = new Kraudd(join(dir, 'bare'));
  const daemons = [warm, cold, bare];
  let peers: Peer[] = [];
  try {
    say('starting three daemons: with a warm slot, with a mould alone, with neither');
    await warm.start({ cradle: { warmMax: 1 } });
    await cold.start({ cradle: { warmMax: 0 } });
    await bare.start({ cradle: { warmMax: 0, mouldsMax: 0 } });
    for (const daemon of daemons) await daemon.docker('import', tar, 'bench');
    peers = await findPeers(dir, tar);
    const accel = (await warm.info()).Kraud.Accelerator;
    const metrics: Metrics = await interleaved({ warm, cold, bare }, peers, n, say);
    say('idle memory');
    metrics.idle_pss_mib = await idleMemory(cold);
    say('one after another, then all at once');
    metrics.starts_per_s = await startsPerSecond(warm, n);
    metrics.herd20_ms = await herdMs(warm);
    const result = { bench: 'launch', accel, n, metrics };
    if (values.json) console.log(JSON.stringify(result));
    else printTable(result);
  } finally {
    for (const peer of peers) await peer.stop().catch((error: unknown) => say(`stopping a peer: ${error}`));
    for (const daemon of daemons)
      await daemon.stop().catch((error: unknown) => say(`stopping kraudd: ${error}`));
    rmSync(dir, { recursive: true, force: true });
  }
}

async function interleaved(
  { warm, cold, bare }: { warm: Kraudd; cold: Kraudd; bare: Kraudd },
  peers: readonly Peer[],
  n: number,
  say: (line: string) => void,
): Promise<Metrics> {
  const samples = new Map<string, number[]>();
  const add = (metric: string, ms: number): void => {
    samples.set(metric, [...(samples.get(metric) ?? []), ms]);
  };
  for (const daemon of [cold, bare]) await daemon.docker('run', '--rm', 'bench', ...echo);
  await cold.mould();
  await warm.docker('run', '-d', '--name', 'execs', 'bench', '/bin/sleep', '3600');
  for (const peer of peers) await peer.run();
  /** What the one before has left to do is not measured with the next, whoever's it is. */
  const measure = async (metric: string, work: () => Promise<unknown>): Promise<void> => {
    await delay(restMs);
    add(metric, await timed(work));
  };
  for (let round = 0; round < n; round += 1) {
    if (round % 10 === 0) say(`round ${round} of ${n}`);
    await warm.warm(1);
    const name = `claim-${round}`;
    await measure('run_warm_ms', () => warm.docker('run', '--rm', 'bench', ...echo));
    await warm.warm(1);
    await measure('run_cold_ms', () => cold.docker('run', '--rm', 'bench', ...echo));
    await measure('run_bare_ms', () => bare.docker('run', '--rm', 'bench', ...echo));
    await measure('exec_ms', () => warm.docker('exec', 'execs', '/bin/true'));
    for (const peer of peers) await measure(peer.metric, () => peer.run());
    await warm.warm(1);
    await delay(restMs);
    await warm.docker('run', '--name', name, 'bench', ...echo);
    add('claim_ms', await claimMs(warm, name));
    await warm.docker('rm', name);
  }
  await warm.docker('rm', '-f', 'execs');
  return Object.fromEntries([...samples].map(([metric, values]) => [metric, summary(values)]));
}

/** From the claim of a slot to the container's first output, as the daemon's own ledger has it. */
async function claimMs(daemon: Kraudd, name: string): Promise<number> {
  const ledger = await daemon.ledger(name);
  const slot = ledger.find((entry) => entry.phase === 'slot');
  const last = Math.max(...ledger.map((entry) => entry.endMs));
  if (!slot) throw new Error('the ledger has no slot phase');
  return last - slot.startMs;
}

/** PSS that each of ten idle pods adds, over the daemon's VMMs. */
async function idleMemory(daemon: Kraudd): Promise<number> {
  const before = vmmPssMiB(daemon.dir);
  const names = Array.from({ length: idlePods }, (_, i) => `idle-${i}`);
  for (const name of names) await daemon.docker('run', '-d', '--name', name, 'bench', '/bin/sleep', '3600');
  const added = (vmmPssMiB(daemon.dir) - before) / idlePods;
  await daemon.docker('rm', '-f', ...names);
  return Math.round(added * 10) / 10;
}

async function startsPerSecond(daemon: Kraudd, n: number): Promise<number> {
  const names = Array.from({ length: n }, (_, i) => `serial-${i}`);
  const ms = await timed(async () => {
    for (const name of names) await daemon.docker('run', '-d', '--name', name, 'bench', '/bin/sleep', '3600');
  });
  await daemon.docker('rm', '-f', ...names);
  return Math.round((n / ms) * 10_000) / 10;
}

async function herdMs(daemon: Kraudd): Promise<number> {
  const names = Array.from({ length: herd }, (_, i) => `herd-${i}`);
  const ms = await timed(() =>
    Promise.all(
      names.map((name) => daemon.docker('run', '-d', '--name', name, 'bench', '/bin/sleep', '3600')),
    ),
  );
  await daemon.docker('rm', '-f', ...names);
  return Math.round(ms);
}
