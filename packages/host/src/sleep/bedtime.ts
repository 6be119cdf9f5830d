import { codeOf, messageOf } from '@kraud/base';
import type { HostParts } from '../parts.ts';
import type { PodOwner } from '../pods/owner.ts';
import type { Run } from '../pods/run.ts';
import { readProcess } from '../usage.ts';
import { type Glimpse, Idle } from './idle.ts';

interface Sleepy {
  readonly owner: PodOwner;
  readonly run: Run;
  readonly afterMs: number;
}

type BedtimeParts = Pick<HostParts, 'network' | 'clock' | 'logger' | 'limits'>;

/** Sends pods that are to sleep by themselves to sleep once they have been idle for their time. */
export class Bedtime {
  readonly #parts: BedtimeParts;
  readonly #owners: () => Iterable<PodOwner>;
  readonly #idle: Idle;
  readonly #stop = new AbortController();
  #over: Promise<void> = Promise.resolve();

  constructor(parts: BedtimeParts, owners: () => Iterable<PodOwner>) {
    this.#parts = parts;
    this.#owners = owners;
    this.#idle = new Idle(parts.limits.idleCpuMax);
  }

  begin(): void {
    this.#over = this.#run();
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#over;
  }

  async #run(): Promise<void> {
    const { clock, logger, limits } = this.#parts;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await clock.sleep(limits.idleCheckMs, signal).catch(() => {});
      if (signal.aborted) return;
      await this.#look().catch((error: unknown) =>
        logger.warn({ error: messageOf(error) }, 'which pods are idle could not be seen'),
      );
    }
  }

  async #look(): Promise<void> {
    const sleepy = this.#sleepy();
    const uids = sleepy.map(({ owner }) => owner.uid);
    const packets = uids.length > 0 ? await this.#parts.network.traffic(uids) : new Map<string, number>();
    const glimpses = sleepy.flatMap(({ owner, run, afterMs }): [string, Glimpse][] => {
      const cpuS = readProcess(run.vm.pid)?.cpuS;
      const seen = { run, packets: packets.get(owner.uid), used: owner.isUsed, afterMs };
      return cpuS === undefined ? [] : [[owner.uid, { ...seen, cpuS }]];
    });
    const idle = new Set(this.#idle.look(new Map(glimpses), this.#parts.clock.monotonic()));
    for (const { owner, afterMs } of sleepy) if (idle.has(owner.uid)) this.#fallAsleep(owner, afterMs);
  }

  #sleepy(): Sleepy[] {
    const sleepy: Sleepy[] = [];
    for (const owner of this.#owners()) {
      const { run } = owner;
      const { sleep } = owner.pod.spec;
      if (run?.stop === 'none' && sleep && !run.paused) sleepy.push({ owner, run, afterMs: sleep.afterMs });
    }
    return sleepy;
  }

  #fallAsleep(owner: PodOwner, afterMs: number): void {
    owner.fallAsleep(`idle for ${afterMs / 1000} s`).catch((error: unknown) => {
      const words = { pod: owner.pod.meta.name, error: messageOf(error) };
      if (codeOf(error) === 'conflict') this.#parts.logger.debug(words, 'an idle pod stays awake');
      else this.#parts.logger.warn(words, 'an idle pod did not fall asleep');
    });
  }
}
