import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { busyboxTar } from '../../bench/image.ts';
import { image, TestCloud } from './cloud.ts';
import { Machines } from './machines.ts';

/** A cloud of two hosts, `near` and `far`, each on a machine of its own; both have the image. */
export interface Pair {
  readonly near: TestCloud;
  readonly far: TestCloud;
  stop(): Promise<void>;
}

/** `scratch` keeps etcd's data and the image, until the caller removes it. */
export async function startPair(scratch: string, leaseTtlMs: number): Promise<Pair> {
  const machines = await Machines.start(2, join(scratch, 'etcd'));
  const host = (n: number, name: string): TestCloud => {
    const config = {
      cradle: { warmMax: 0, uidFirst: 1_200_000 + n * 100_000 },
      host: { leaseTtlMs },
    };
    const cloud = new TestCloud(config, undefined, machines.on(n));
    cloud.args = ['--store', machines.store, '--listen', `${machines.ip(n)}:7070`, '--name', name];
    return cloud;
  };
  const [near, far] = [host(1, 'near'), host(2, 'far')];
  const stop = async (): Promise<void> => {
    await near.removeAll().catch(() => {});
    await far.stop();
    await near.stop();
    await machines.stop();
  };
  try {
    await near.startDaemon();
    const input = readFileSync(await busyboxTar(scratch));
    await near.ok(['import', '--change', 'CMD ["sh"]', '-', image], { input });
    await far.startDaemon();
  } catch (error) {
    await stop();
    throw error;
  }
  return { near, far, stop };
}
