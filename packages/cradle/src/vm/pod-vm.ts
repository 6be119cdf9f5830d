import { BoundedQueue, type Clock, codeOf, KraudError, type Logger, messageOf } from '@kraud/base';
import type {
  Accelerator,
  ClaimPhases,
  SleepOptions,
  Tap,
  Vm,
  VmExit,
  VmSpec,
  VmUsage,
} from '../contract.ts';
import type { GuestClient } from '../guest/index.ts';
import { cpuMsOf, memoryOf } from '../process.ts';
import type { Sleep } from '../sleep/sleep.ts';
import type { DiskFile } from './disk-slots.ts';
import { connectAgent, endPod } from './guest.ts';
import { judge, type VmRequest, type VmState } from './policy.ts';
import { writeRecord } from './record.ts';
import { volumeFile } from './spec.ts';
import type { Machine, Yard } from './yard.ts';

interface Job {
  /** `ended`: the VMM is gone. `settle`: it was woken a moment ago. */
  readonly request: VmRequest | 'ended' | 'settle';
  /** Of `take` and `drop`: which. */
  readonly volume: number;
  /** Of `sleep`. */
  readonly work?: (() => Promise<void>) | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const jobsMax = 1_000;
/** Nobody waits for what is left of a sleep; who was waited for has better to do first. */
const settleAfterMs = 250;

export interface PodVmOptions {
  readonly machine: Machine;
  readonly spec: VmSpec;
  readonly guest: GuestClient;
  readonly tap: Tap | undefined;
  readonly phases: ClaimPhases | undefined;
  /** Where its sleeper was, of which something is left. */
  readonly sleptIn: string | undefined;
  readonly yard: Yard;
  readonly sleep: Sleep;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly connectTimeoutMs: number;
  readonly stopTimeoutMs: number;
  /** `conflict` if another VM has this disk. */
  readonly checkDiskFree: (path: string) => void;
  /** Called once, when everything is released. */
  readonly onGone: () => void;
}

/**
 * The one owner of a claimed VM: requests, and the news that the VMM has ended, go through one queue and are dealt
 * with one at a time, as `policy.ts` draws it. `exited` settles after everything the VM had is released, so
 * its disks may be used again at once.
 */
export class PodVm implements Vm {
  readonly id: string;
  readonly pid: number;
  readonly tap: Tap | undefined;
  readonly accelerator: Accelerator;
  readonly phases: ClaimPhases | undefined;
  readonly warm: boolean;
  readonly exited: Promise<VmExit>;
  readonly #options: PodVmOptions;
  readonly #jobs = new BoundedQueue<Job>(jobsMax);
  readonly #hurry = new AbortController();
  readonly #leave = new AbortController();
  #sleptIn: string | undefined;
  #state: VmState = 'running';
  #guest: GuestClient;
  #spec: VmSpec;

  constructor(options: PodVmOptions) {
    const { machine, spec } = options;
    this.#options = options;
    this.id = spec.id;
    this.#spec = spec;
    this.pid = machine.vmm.identity.mark.pid;
    this.#guest = options.guest;
    this.tap = options.tap;
    this.accelerator = machine.record.accelerator;
    this.phases = options.phases;
    this.warm = machine.record.warm;
    void machine.vmm.exited.then(() => this.#ask('ended'));
    this.#sleptIn = options.sleptIn;
    if (options.sleptIn !== undefined) this.#settleSoon();
    this.exited = this.#run();
  }

  get spec(): VmSpec {
    return this.#spec;
  }

  get guest(): GuestClient {
    return this.#guest;
  }

  async reconnect(): Promise<GuestClient> {
    const { machine, clock, connectTimeoutMs } = this.#options;
    if (this.#state === 'gone') throw new KraudError('unavailable', 'the VM has ended');
    this.#guest.close();
    this.#guest = await connectAgent(machine.vmm, { clock, timeoutMs: connectTimeoutMs });
    return this.#guest;
  }

  suspend(): Promise<void> {
    return this.#ask('suspend');
  }

  resume(): Promise<void> {
    return this.#ask('resume');
  }

  stop(): Promise<void> {
    return this.#ask('stop');
  }

  kill(): Promise<void> {
    this.#hurry.abort();
    return this.#ask('kill');
  }

  takeVolume(index: number): Promise<void> {
    return this.#ask('take', index);
  }

  dropVolume(index: number): Promise<void> {
    return this.#ask('drop', index);
  }

  async sleep(dir: string, { asleep, signal }: SleepOptions): Promise<{ readonly bytes: number }> {
    const { machine, sleep } = this.#options;
    const hurry = this.#hurry.signal;
    const stop = signal ? AbortSignal.any([signal, hurry]) : hurry;
    let slept = { bytes: 0 };
    await this.#ask('sleep', -1, async () => {
      slept = await sleep.fall(machine, this.#spec, dir, { asleep, signal: stop });
    });
    return slept;
  }

  async usage(): Promise<VmUsage> {
    return { cpuMs: await cpuMsOf(this.pid), ...(await memoryOf(this.pid)) };
  }

  /** Leaves the VM to a later daemon. */
  abandon(): void {
    this.#leave.abort();
    this.#sleptIn = undefined;
    this.#options.machine.vmm.abandon();
    this.#guest.close();
  }

  #ask(request: Job['request'], volume = -1, work?: Job['work']): Promise<void> {
    return new Promise((resolve, reject) => {
      const job = { request, volume, work, resolve, reject };
      if (this.#state === 'gone') this.#answer(job);
      else this.#jobs.push(job);
    });
  }

  async #run(): Promise<VmExit> {
    for await (const job of this.#jobs) {
      try {
        await this.#deal(job);
      } catch (error) {
        job.reject(error);
      }
      if (this.#state === 'gone') this.#jobs.close();
    }
    return this.#options.machine.vmm.exited;
  }

  async #deal(job: Job): Promise<void> {
    // That the VMM has ended is no news by then.
    if (this.#state === 'gone') return this.#answer(job);
    if (!isNews(job.request) && judge(this.#state, job.request) !== 'do') return this.#answer(job);
    const { vmm } = this.#options.machine;
    await this.#settle();
    switch (job.request) {
      case 'settle':
        break;
      case 'suspend':
        await vmm.execute('stop');
        this.#state = 'suspended';
        break;
      case 'resume':
        await vmm.execute('cont');
        this.#state = 'running';
        break;
      case 'take':
        await this.#take(job.volume);
        break;
      case 'drop':
        await this.#drop(job.volume);
        break;
      case 'sleep':
        await job.work?.();
        await this.#release({ reason: 'asleep', detail: 'asleep' });
        break;
      case 'stop':
        await this.#letGo();
        await this.#release();
        break;
      case 'kill':
      case 'ended':
        await this.#release();
        break;
    }
    job.resolve();
  }

  #answer(job: Job): void {
    if (isNews(job.request) || judge(this.#state, job.request) === 'done') job.resolve();
    else job.reject(new KraudError('conflict', `the VM is ${this.#state}: it can't ${job.request}`));
  }

  #settleSoon(): void {
    this.#options.clock.sleep(settleAfterMs, this.#leave.signal).then(
      () => this.#ask('settle'),
      () => {},
    );
  }

  /** Before anything else is done with the VM. */
  async #settle(): Promise<void> {
    const { sleep, machine } = this.#options;
    const sleptIn = this.#sleptIn;
    this.#sleptIn = undefined;
    if (sleptIn !== undefined) await sleep.settle(machine, this.#spec, sleptIn);
  }

  /** The record says first who has the disk: from then on nobody else gets it before this VM has let go of it. */
  async #take(index: number): Promise<void> {
    const { machine, checkDiskFree } = this.#options;
    const file = this.#sharedFile(index);
    checkDiskFree(file.path);
    try {
      this.#note(index, 'taken');
      await machine.disks.take(file);
    } catch (error) {
      // A VMM that is on its way out may write to it until then.
      if (codeOf(error) === 'unavailable') await machine.vmm.exited;
      await machine.disks.drop(file.node);
      this.#note(index, 'elsewhere');
      throw error;
    }
  }

  async #drop(index: number): Promise<void> {
    const { node } = this.#sharedFile(index);
    await this.#options.machine.disks.drop(node);
    this.#note(index, 'elsewhere');
  }

  #sharedFile(index: number): DiskFile {
    if (this.#spec.volumes[index]?.share === undefined) {
      throw new KraudError('invalid', `pod ${this.id} has no shared volume ${index}`);
    }
    return volumeFile(this.#spec, index);
  }

  #note(index: number, share: 'elsewhere' | 'taken'): void {
    const { dir, record } = this.#options.machine;
    const volumes = this.#spec.volumes.map((volume, at) => (at === index ? { ...volume, share } : volume));
    const spec = { ...this.#spec, volumes };
    // In memory as long as it may be on disk.
    if (share === 'taken') this.#spec = spec;
    writeRecord(dir, { ...record, spec });
    this.#spec = spec;
  }

  /** The guest syncs and unmounts; a guest that doesn't in time is killed all the same. */
  async #letGo(): Promise<void> {
    const { machine, stopTimeoutMs, logger, clock } = this.#options;
    const suspended = this.#state === 'suspended';
    this.#state = 'stopping';
    const patience = new AbortController();
    try {
      if (suspended) await machine.vmm.execute('cont');
      const timeout = clock.sleep(stopTimeoutMs, patience.signal).then(() => {
        throw new KraudError('timeout', 'the guest did not let go of its disks in time');
      });
      timeout.catch(() => {});
      const hurried = new Promise<void>((resolve) => {
        if (this.#hurry.signal.aborted) resolve();
        else this.#hurry.signal.addEventListener('abort', () => resolve(), { once: true });
      });
      await Promise.race([endPod(this.#guest), timeout, hurried, machine.vmm.exited]);
    } catch (error) {
      logger.warn({ pod: this.id, error: messageOf(error) }, 'a VM is ended without the guest');
    } finally {
      patience.abort();
    }
  }

  async #release(ending?: VmExit): Promise<void> {
    this.#state = 'stopping';
    this.#guest.close();
    await this.#options.yard.release(this.#options.machine, ending);
    this.#state = 'gone';
    this.#options.onGone();
  }
}

const isNews = (request: Job['request']): request is 'ended' | 'settle' =>
  request === 'ended' || request === 'settle';
