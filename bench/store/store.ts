import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { silentLogger, systemClock, systemRandom } from '@kraud/base';
import { openEtcdStore, openLmdbStore } from '@kraud/macro';
import { Etcd } from '../../e2e/harness/etcd.ts';
import { type Summary, summary, timed } from '../samples.ts';
import { bareEtcd } from './bare-etcd.ts';
import { type Engine, storeEngine } from './engine.ts';
import { printTable } from './table.ts';

const sliceMs = 250;
const writersMany = 64;
const watchers = 100;
const keys = 1000;
const value = JSON.stringify({ kind: 'Sample', spec: 'x'.repeat(200) });

export type Metrics = Record<string, Summary | number>;

/** What one slice of time came to. */
interface Slice {
  readonly ms: number;
  readonly samplesMs: number[];
}

/** Durable writes, reads and fan-out of both stores, and of etcd without our driver, in turn in one run. */
export async function store(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { json: { type: 'boolean', default: false }, n: { type: 'string', default: '30' } },
  });
  const n = Number(values.n);
  if (!Number.isInteger(n) || n < 1) throw new Error(`--n must be a whole number from 1, not ${values.n}`);
  const dir = mkdtempSync(join(tmpdir(), 'kraud-bench-'));
  const etcd = await Etcd.start();
  const engines: Engine[] = [];
  try {
    engines.push(storeEngine('lmdb', openLmdbStore(join(dir, 'store'))));
    const parts = { clock: systemClock, random: systemRandom, logger: silentLogger };
    engines.push(storeEngine('etcd', await openEtcdStore({ ...parts, address: etcd.address })));
    engines.push(bareEtcd(etcd.endpoint));
    const metrics = await measure(engines, n, (line) => console.error(line));
    if (values.json) console.log(JSON.stringify({ bench: 'store', n, metrics }));
    else printTable(n, metrics);
  } finally {
    for (const engine of engines) await engine.close();
    await etcd.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function measure(engines: readonly Engine[], n: number, say: (line: string) => void): Promise<Metrics> {
  const work: Record<string, (engine: Engine) => Promise<Slice>> = {
    write1: (engine) => slice(1, (key) => engine.put(key, value)),
    write64: (engine) => slice(writersMany, (key) => engine.put(key, value)),
    read: (engine) => slice(1, (key) => engine.get(key)),
    read64: (engine) => slice(writersMany, (key) => engine.get(key)),
  };
  const slices = new Map<string, Slice[]>();
  for (const engine of engines) for (let i = 0; i < keys; i += 1) await engine.put(`/k/${i}`, value);
  for (let round = 0; round < n; round += 1) {
    if (round % 10 === 0) say(`round ${round} of ${n}`);
    for (const [name, run] of Object.entries(work)) {
      for (const engine of engines) {
        const metric = `${engine.name}_${name}`;
        slices.set(metric, [...(slices.get(metric) ?? []), await run(engine)]);
      }
    }
  }
  const metrics: Metrics = {};
  for (const [metric, all] of slices) {
    const samples = all.flatMap(({ samplesMs }) => samplesMs);
    const ms = all.reduce((sum, one) => sum + one.ms, 0);
    metrics[`${metric}_ms`] = summary(samples);
    metrics[`${metric}_per_s`] = Math.round((samples.length / ms) * 1000);
  }
  say(`fan-out to ${watchers} watchers`);
  for (const engine of engines) metrics[`${engine.name}_fanout_ms`] = await fanOut(engine, n * 4);
  for (const name of Object.keys(work)) {
    const [ours, bare] = [metrics[`etcd_${name}_per_s`], metrics[`bare_${name}_per_s`]];
    if (typeof ours === 'number' && typeof bare === 'number')
      metrics[`etcd_${name}_of_bare`] = Math.round((ours / bare) * 100) / 100;
  }
  return metrics;
}

/** As many operations as so many callers get done, each one after another, in a slice of time. */
async function slice(callers: number, run: (key: string) => Promise<void>): Promise<Slice> {
  const samplesMs: number[] = [];
  const startMs = performance.now();
  const call = async (caller: number): Promise<void> => {
    for (let i = caller; performance.now() - startMs < sliceMs; i += callers) {
      samplesMs.push(await timed(() => run(`/k/${i % keys}`)));
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)));
  return { ms: performance.now() - startMs, samplesMs };
}

/** From the request to write until every watcher has the event, one write at a time. */
async function fanOut(engine: Engine, rounds: number): Promise<Summary> {
  let missing = 0;
  let all = Promise.withResolvers<void>();
  const stop = await engine.watch('/fan', watchers, () => {
    missing -= 1;
    if (missing === 0) all.resolve();
  });
  const samples: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    missing = watchers;
    all = Promise.withResolvers<void>();
    samples.push(
      await timed(async () => {
        await engine.put('/fan', value);
        await all.promise;
      }),
    );
  }
  stop();
  return summary(samples);
}
