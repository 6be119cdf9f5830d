import { rm } from 'node:fs/promises';
import { KraudError } from '@kraud/base';
import type { Pod } from '@kraud/macro';
import type { LogBook } from '../logs/log-book.ts';
import type { HostParts } from '../parts.ts';
import type { ObservedSleeper } from '../pods/plan.ts';
import type { PodFiles } from '../pods/pod-files.ts';
import { changePod } from '../pods/pod-table.ts';
import type { Run } from '../pods/run.ts';
import { asleepStatus, settledStatus } from '../pods/status.ts';
import { nsOfMs } from '../pods/times.ts';
import { fallAsleep } from './fall-asleep.ts';
import type { Sleeper } from './sleeper.ts';
import { NeverAwake, wake } from './wake.ts';
import { whyAwake } from './why-awake.ts';

/** Somebody who waits for something, or would like it. */
interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Somebody who wants the pod to sleep. */
export interface Nap extends Waiter {
  /** In words that follow "it is asleep:". */
  readonly why: string;
}

/** A pod's sleep, as its owner has it: the run while it is a file, who wants it to be one, and who waits for it to be none. */
export class Sleep {
  readonly #parts: HostParts;
  readonly #uid: string;
  readonly #files: PodFiles;
  readonly #logs: LogBook;
  readonly #naps: Nap[] = [];
  readonly #waiters: Waiter[] = [];
  #sleeper: Sleeper | undefined;
  #knockedAtMs: number | undefined;

  constructor(parts: HostParts, uid: string, files: PodFiles, logs: LogBook, sleeper: Sleeper | undefined) {
    this.#parts = parts;
    this.#uid = uid;
    this.#files = files;
    this.#logs = logs;
    this.#sleeper = sleeper;
  }

  get observed(): { readonly asleep: ObservedSleeper | undefined; readonly drowsy: boolean } {
    return { asleep: this.#sleeper && this.#observe(this.#sleeper), drowsy: this.#naps.length > 0 };
  }

  get isAsleep(): boolean {
    return this.#sleeper !== undefined;
  }

  nap(nap: Nap): void {
    if (this.#sleeper) nap.resolve();
    else this.#naps.push(nap);
  }

  /** Somebody needs the pod; `waiter`, if there is one, until it is awake. */
  knock(waiter?: Waiter): void {
    this.#knockedAtMs ??= this.#parts.clock.monotonic();
    if (waiter) this.#waiters.push(waiter);
  }

  /** Nobody is kept waiting: it is awake, or won't be. */
  answer(error?: unknown): void {
    this.#knockedAtMs = undefined;
    for (const waiter of this.#waiters.splice(0))
      error === undefined ? waiter.resolve() : waiter.reject(error);
  }

  /** It goes on being awake. */
  refuse(error: unknown): void {
    for (const nap of this.#naps.splice(0)) nap.reject(error);
  }

  /** Answers the run that goes on, as it couldn't; undefined once it sleeps. */
  async fall(pod: Pod, run: Run, users: number): Promise<Run | undefined> {
    const awake = whyAwake(this.#parts, pod, run, users);
    if (awake !== undefined) {
      this.refuse(new KraudError('conflict', `container ${pod.meta.name} can't sleep: ${awake}`));
      return run;
    }
    const why = this.#naps[0]?.why ?? '';
    const fallen = await fallAsleep(this.#parts, { pod, run, files: this.#files, logs: this.#logs, why });
    if ('run' in fallen) {
      this.refuse(fallen.error);
      this.answer();
      return fallen.run;
    }
    this.#sleeper = fallen.sleeper;
    try {
      // Now, as it may be woken next.
      await this.report();
    } finally {
      for (const nap of this.#naps.splice(0)) nap.resolve();
    }
    return undefined;
  }

  /** Undefined when its run is over for good. What it throws may be tried again. */
  async wake(pod: Pod, signal: AbortSignal): Promise<Run | undefined> {
    const sleeper = this.#sleeper;
    if (!sleeper) return undefined;
    const knockedAtMs = this.#knockedAtMs;
    const given = { pod, record: sleeper.record, knockedAtMs, files: this.#files, logs: this.#logs, signal };
    try {
      const run = await wake(this.#parts, given);
      this.#sleeper = undefined;
      this.answer();
      return run;
    } catch (error) {
      this.answer(error);
      sleeper.failures += 1;
      // Its tap may have gone to a VM that is no more.
      sleeper.parked = false;
      if (!(error instanceof NeverAwake)) throw error;
      this.#parts.logger.error({ pod: pod.meta.name, error: error.message }, 'a pod is lost');
      this.#sleeper = undefined;
      return undefined;
    }
  }

  /** From now on it is noticed when something is sent to it. */
  async park(): Promise<void> {
    const sleeper = this.#sleeper;
    if (!sleeper) return;
    if (sleeper.record.attachment) await this.#parts.network.park(this.#uid);
    sleeper.parked = true;
  }

  async report(): Promise<void> {
    const sleeper = this.#sleeper;
    if (!sleeper) return;
    const { since, why } = sleeper.record.asleep;
    sleeper.reported = true;
    await changePod(this.#parts.pods, this.#uid, (pod) => ({
      ...pod,
      status: asleepStatus(pod, { since, why }),
    }));
  }

  /** It is ended in its sleep, as by SIGKILL. */
  async discard({ status }: Pod): Promise<void> {
    await rm(this.#files.asleep, { recursive: true, force: true });
    this.#logs.endRun(status.serial);
    const finishedAtNs = nsOfMs(this.#parts.clock.now());
    const end = { exitCode: 137, oomKilled: false, finishedAtNs, reason: '' };
    await changePod(this.#parts.pods, this.#uid, (pod) => {
      const ends = new Map(pod.spec.containers.map(({ name }) => [name, end]));
      return { ...pod, status: settledStatus(pod, 'lost', finishedAtNs, ends) };
    });
    this.#sleeper = undefined;
    this.answer(new KraudError('not-found', `No such container: ${this.#uid}`));
  }

  #observe({ parked, reported, record, failures }: Sleeper): ObservedSleeper {
    const precious = record.volumes.length > 0 && failures < this.#parts.limits.removalTries;
    const knocked = this.#knockedAtMs !== undefined;
    return { parked, reported, knocked, name: record.attachment?.podName, precious };
  }
}
