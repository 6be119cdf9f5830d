import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Dockerd, startDockerd } from '../dockerd.ts';
import { freePort } from '../free-port.ts';
import { busyboxTar } from '../image.ts';
import { Kraudd } from '../kraudd.ts';
import { type Summary, summary, timed } from '../samples.ts';
import { type AppName, appArguments } from './apps.ts';
import { costOfSleepers } from './cost.ts';
import { printTable } from './table.ts';
import { Visitor } from './visitor.ts';

const restMs = 150;

type Metrics = Record<string, Summary | number>;

interface Ports {
  readonly quick: number;
  readonly slow: number;
  readonly cold: number;
}

/** What it takes to wake a pod, beside a start of the same app here and by the peer, interleaved in one run; and what sleepers cost. */
export async function sleep(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: 'boolean', default: false },
      n: { type: 'string', default: '30' },
      sleepers: { type: 'string', default: '20' },
    },
  });
  const [n, sleepers] = [Number(values.n), Number(values.sleepers)];
  for (const [option, count] of Object.entries({ n, sleepers })) {
    if (!Number.isInteger(count) || count < 0) throw new Error(`--${option} must be a whole number from 0`);
  }
  const dir = mkdtempSync(join(tmpdir(), 'kraud-bench-'));
  const say = (line: string): void => console.error(line);
  const tar = await busyboxTar(dir);
  const warm = new Kraudd(join(dir, 'warm'));
  const quiet = new Kraudd(join(dir, 'quiet'));
  const up = new Set<Kraudd>();
  const stop = async (daemon: Kraudd): Promise<void> => {
    up.delete(daemon);
    await daemon.stop();
  };
  let peer: Dockerd | undefined;
  try {
    let metrics: Metrics = {};
    up.add(warm);
    await warm.start({ cradle: { warmMax: 1 } });
    await warm.docker('import', tar, 'bench');
    const accel = (await warm.info()).Kraud.Accelerator;
    if (n > 0) {
      peer = await startDockerd(dir, tar);
      metrics = await interleaved(warm, peer, n, say);
    }
    await stop(warm);
    if (sleepers > 0) {
      say(`what ${sleepers} sleepers cost`);
      up.add(quiet);
      await quiet.start({ cradle: { warmMax: 0, mouldsMax: 0 } });
      await quiet.docker('import', tar, 'bench');
      metrics = { ...metrics, ...(await costOfSleepers(quiet, sleepers)) };
    }
    const result = { bench: 'sleep', accel, n, metrics };
    if (values.json) console.log(JSON.stringify(result));
    else printTable(result);
  } finally {
    await peer?.stop();
    for (const daemon of up) await stop(daemon).catch((error: unknown) => say(`stopping kraudd: ${error}`));
    rmSync(dir, { recursive: true, force: true });
  }
}

async function interleaved(
  daemon: Kraudd,
  peer: Dockerd | undefined,
  n: number,
  say: (line: string) => void,
): Promise<Metrics> {
  const samples = new Map<string, number[]>();
  const add = (metric: string, value: number): void => {
    samples.set(metric, [...(samples.get(metric) ?? []), value]);
  };
  const ports: Ports = { quick: await freePort(), slow: await freePort(), cold: await freePort() };
  const [visitor, peersVisitor] = [new Visitor(), peer && new Visitor(peer.pid)];
  const { socket } = daemon;
  await daemon.docker('run', '-d', ...appArguments('quick', 'quick', ports.quick));
  await daemon.docker('run', '-d', ...appArguments('slow', 'slow', ports.slow));
  await daemon.docker('create', ...appArguments('quick', 'cold', ports.cold));
  for (const app of ['quick', 'slow'] as const)
    await peer?.docker('create', ...appArguments(app, app, ports[app]));
  // Both listen by the time that a slow one started later does.
  await delay(3_000);

  const wake = async (app: AppName, metric: string): Promise<void> => {
    await delay(restMs);
    const sleepMs = await timed(() => daemon.sleep(app));
    if (app === 'quick') {
      add('sleep_ms', sleepMs);
      add('disk_mib', sleeperMiB(daemon.dir));
    }
    await delay(restMs);
    add(metric, await visitor.firstByteMs(ports[app]));
    await delay(restMs);
    for (const { phase, startMs, endMs } of await daemon.ledger(app))
      add(`${metric}/${phase}`, endMs - startMs);
  };
  const start = async (metric: string, app: AppName): Promise<void> => {
    if (!peer || !peersVisitor) return;
    await delay(restMs);
    add(metric, await peersVisitor.firstByteMs(ports[app], { socket: peer.socket, container: app }));
    await peer.docker('kill', app);
  };
  for (let round = 0; round < n; round += 1) {
    if (round % 10 === 0) say(`round ${round} of ${n}`);
    await daemon.warm(1);
    await delay(restMs);
    add('awake_first_byte_ms', await visitor.firstByteMs(ports.quick));
    await wake('quick', 'wake_first_byte_ms');
    await wake('slow', 'slow_wake_first_byte_ms');
    await start('docker_start_first_byte_ms', 'quick');
    await start('docker_start_slow_first_byte_ms', 'slow');
    await daemon.warm(1);
    await delay(restMs);
    add('cold_first_byte_ms', await visitor.firstByteMs(ports.cold, { socket, container: 'cold' }));
    await daemon.docker('kill', 'cold');
  }
  await Promise.all([visitor.leave(), peersVisitor?.leave()]);
  return Object.fromEntries([...samples].map(([metric, values]) => [metric, summary(values)]));
}

/** What is on disk of the one pod that sleeps. */
function sleeperMiB(dataDir: string): number {
  const blockBytes = 512;
  const pods = join(dataDir, 'pods');
  let bytes = 0;
  for (const entry of readdirSync(pods, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && entry.parentPath.endsWith('/asleep')) bytes += statSync(path).blocks * blockBytes;
  }
  if (bytes === 0) throw new Error('nothing is asleep');
  return bytes / 1024 / 1024;
}
