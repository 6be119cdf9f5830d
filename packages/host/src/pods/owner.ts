import { rm } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { Backoff, BoundedQueue, codeOf, KraudError, type Logger, messageOf } from '@kraud/base';
import type { Pod, PodStatus } from '@kraud/macro';
import { HealthProbes } from '../health/probes.ts';
import { LogBook } from '../logs/log-book.ts';
import type { HostParts } from '../parts.ts';
import { Sleep } from '../sleep/sleep.ts';
import type { Sleeper } from '../sleep/sleeper.ts';
import { type Adoptable, adoptRun } from './adopt.ts';
import { releaseHolds } from './claim.ts';
import type { Call, GuestLease, OwnerEvent } from './owner-event.ts';
import { renameRun } from './places.ts';
import { type Action, type Observed, plan } from './plan.ts';
import { PodFiles } from './pod-files.ts';
import { changePod } from './pod-table.ts';
import { preparePod } from './prepare.ts';
import type { Run } from './run.ts';
import { RunEnding } from './run-ending.ts';
import { removeRecord } from './run-record.ts';
import { RunSteps } from './run-steps.ts';
import { startFailure, startRun } from './start.ts';
import { failedStatus, removalStatus, upStatus } from './status.ts';
import { openToolbox, type Toolbox } from './toolbox.ts';
import { Waiters } from './waiters.ts';

/**
 * The one owner of one pod on this host. All that happens goes through its queue; after each event it asks `plan`
 * what to do next and begins that, one thing at a time. What takes long reports back through the queue.
 * The states are drawn at `plan`.
 */
export class PodOwner {
  readonly uid: string;
  readonly files: PodFiles;
  readonly logs: LogBook;
  /** Resolves when nothing of the pod is left here, or when the owner was closed. */
  readonly finished: Promise<void>;

  readonly #parts: HostParts;
  readonly #logger: Logger;
  readonly #queue: BoundedQueue<OwnerEvent>;
  readonly #upWaiters = new Waiters<Run>();
  readonly #calls: Call[] = [];
  #pod: Pod;
  #run: Run | undefined;
  readonly #sleep: Sleep;
  #toolbox: Toolbox | undefined;
  /** Who uses the present run, which can't sleep meanwhile. */
  #users = 0;
  #busy: Observed['busy'];
  #abort = new AbortController();
  #prepared = false;
  #closing: Observed['closing'];
  #gone = false;
  #seen = { atMs: 0, atWallMs: 0 };
  #probes: HealthProbes | undefined;
  readonly #ending: RunEnding;
  readonly #steps: RunSteps;
  /** Steps that failed since the last one that didn't. */
  #failures = 0;
  readonly #backoff = new Backoff({ firstMs: 100, maxMs: 30_000 });

  constructor(parts: HostParts, pod: Pod, left: { adoptable?: Adoptable; sleeper?: Sleeper } = {}) {
    this.uid = pod.meta.uid;
    this.#parts = parts;
    this.#pod = pod;
    this.#logger = parts.logger.child({ pod: pod.meta.name, uid: pod.meta.uid.slice(0, 12) });
    this.files = new PodFiles(parts.dataDir, pod.meta.uid);
    this.logs = new LogBook(this.files, parts.limits);
    this.#ending = new RunEnding(parts, pod.meta.uid, this.files, this.logs);
    this.#queue = new BoundedQueue(parts.limits.ownerEventsMax);
    this.#steps = new RunSteps(parts, (run, stop) => this.#queue.push({ on: 'stop-step', run, stop }));
    this.#sleep = new Sleep(parts, pod.meta.uid, this.files, this.logs, left.sleeper);
    if (left.adoptable) this.#take(adoptRun(parts, left.adoptable, this.logs));
    this.finished = this.#loop();
    this.podChanged();
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** The run whose program is up now, and awake. */
  get run(): Run | undefined {
    return this.#run && !this.#run.observed.ended && this.#busy !== 'sleep' ? this.#run : undefined;
  }

  get isAsleep(): boolean {
    return this.#sleep.isAsleep;
  }

  get isUsed(): boolean {
    return this.#users > 0;
  }

  /** Keeps a run that is awake from sleeping until the answer is called. */
  hold(): () => void {
    let held = true;
    this.#users += 1;
    return () => {
      if (held) this.#users -= 1;
      held = false;
    };
  }

  /** Something is done with the run, which is awake meanwhile; `conflict` in Docker's words when there is none. */
  async use<T>(work: (run: Run) => Promise<T>): Promise<T> {
    await this.awake();
    const { run } = this;
    if (!run) throw notRunning(this.uid);
    const release = this.hold();
    try {
      return await work(run);
    } finally {
      release();
    }
  }

  /** Resolves once it doesn't sleep, which it needn't have. */
  async awake(): Promise<void> {
    if (!this.isAsleep && this.#busy !== 'sleep') return;
    const waiter = Promise.withResolvers<void>();
    this.#queue.push({ on: 'knock', waiter });
    await this.#whileHere(waiter.promise);
  }

  /** As `awake`, but nobody waits for it. */
  knock(): void {
    if (this.isAsleep || this.#busy === 'sleep') this.#queue.push({ on: 'knock' });
  }

  /** Its run becomes a file; `conflict` says why not. */
  fallAsleep(why: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#queue.push({ on: 'nap', nap: { why, resolve, reject } });
    return this.#whileHere(promise);
  }

  /** The pod is another, or gone: what it is now is read from the table. */
  podChanged(): void {
    this.#seen = { atMs: this.#parts.clock.monotonic(), atWallMs: this.#parts.clock.now() };
    this.#queue.push({ on: 'pod' });
  }

  /** The present run, or else the next one. */
  whenUp(signal: AbortSignal): Promise<Run> {
    const { run } = this;
    return run ? Promise.resolve(run) : this.#upWaiters.wait(signal);
  }

  /** The guest of the running pod, or of a VM that has its disks. */
  lease(): Promise<GuestLease> {
    const { run } = this;
    if (run && this.#busy !== 'finish') return Promise.resolve({ guest: run.guest, release: this.hold() });
    if (this.#gone || this.#closing) return Promise.reject(goneError(this.#pod));
    return new Promise((resolve, reject) => {
      this.#queue.push({ on: 'call', call: { resolve, reject } });
    });
  }

  /** Something about the run is another than it was reported. */
  async reportAgain(): Promise<void> {
    if (this.run) await this.#report(this.run);
  }

  /** `leave`: what runs goes on without us. `stop`: it ends, and its exit is in the store when this resolves. */
  close(how: 'stop' | 'leave'): void {
    this.#queue.push({ on: 'close', how });
  }

  /** Who asked too late would wait for ever. */
  #whileHere(answer: Promise<void>): Promise<void> {
    const over = this.finished.then(() => {
      throw goneError(this.#pod);
    });
    return Promise.race([answer, over]);
  }

  async #loop(): Promise<void> {
    for await (const event of this.#queue) {
      this.#apply(event);
      if (this.#gone) break;
      this.#refresh();
      this.#advance();
      if (this.#closing && this.#isQuiet()) break;
    }
    await this.#end();
  }

  #isQuiet(): boolean {
    const idle = this.#busy === undefined && this.#toolbox === undefined;
    return idle && (this.#closing === 'leave' || (!this.#run && !this.isAsleep));
  }

  async #end(): Promise<void> {
    const error = goneError(this.#pod);
    this.#upWaiters.fail(error);
    for (const call of this.#calls.splice(0)) call.reject(error);
    this.#sleep.answer(error);
    this.#sleep.refuse(error);
    await this.#probes?.stop();
    if (this.#run) await this.#run.leave();
    if (!this.#gone) this.logs.close();
    await this.#ending.over.catch((fault: unknown) => {
      this.#logger.error({ error: messageOf(fault) }, 'a VM does not go; the next start ends it');
    });
  }

  #apply(event: OwnerEvent): void {
    switch (event.on) {
      case 'pod':
        break;
      case 'done':
        this.#busy = undefined;
        break;
      case 'stop-step':
        if (event.run === this.#run && !(event.stop === 'overdue' && event.run.stop !== 'signalled')) {
          event.run.stop = event.stop;
        }
        break;
      case 'call':
        this.#calls.push(event.call);
        break;
      case 'nap':
        this.#sleep.nap(event.nap);
        if (!this.#run && this.#busy !== 'sleep') this.#sleep.refuse(notRunning(this.uid));
        break;
      case 'knock':
        this.#sleep.knock(event.waiter);
        if (!this.isAsleep && this.#busy !== 'sleep') this.#sleep.answer();
        break;
      case 'close':
        this.#closing = event.how;
        break;
    }
  }

  /** A pod that vanished from the table is one whose deletion was asked for. */
  #refresh(): void {
    const present = this.#parts.pods.byUid(this.uid);
    if (present) this.#pod = present;
    else if (this.#pod.meta.deletedAt === undefined) {
      this.#pod = { ...this.#pod, meta: { ...this.#pod.meta, deletedAt: new Date(0).toISOString() } };
    }
  }

  #advance(): void {
    for (;;) {
      const action = plan(this.#pod, {
        busy: this.#busy,
        run: this.#run?.observed,
        ...this.#sleep.observed,
        toolbox: this.#toolbox?.observed,
        callers: this.#calls.length,
        prepared: this.#prepared,
        closing: this.#closing,
      });
      if (action.do !== 'serve') {
        this.#begin(action);
        return;
      }
      this.#serve();
    }
  }

  #begin(action: Exclude<Action, { do: 'serve' }>): void {
    switch (action.do) {
      case 'nothing':
        break;
      case 'abort':
        this.#abort.abort(new KraudError('canceled', 'the start is not wanted any more'));
        break;
      case 'prepare':
        this.#work('prepare', () => this.#prepare());
        break;
      case 'start':
        this.#work('start', () => this.#start(action.serial));
        break;
      case 'report':
        if (this.isAsleep) this.#work('act', () => this.#sleep.report());
        else this.#withRun('act', (run) => this.#report(run));
        break;
      case 'rename':
        this.#withRun('act', (run) => renameRun(this.#parts, this.#pod, run, this.files.record));
        break;
      case 'pause':
      case 'resume':
        this.#withRun('act', (run) => this.#setPaused(run, action.do === 'pause'));
        break;
      case 'sleep':
        this.#withRun('sleep', (run) => this.#fallAsleep(run));
        break;
      case 'wake':
        this.#work('wake', () => this.#wake());
        break;
      case 'park':
        this.#work('act', () => this.#sleep.park());
        break;
      case 'discard':
        this.#work('act', () => this.#sleep.discard(this.#pod));
        break;
      case 'signal':
        this.#withRun('act', (run) => this.#steps.signal(this.#pod, run));
        break;
      case 'kill':
        this.#withRun('act', (run) => this.#steps.kill(this.#pod, run));
        break;
      case 'kill-vm':
        this.#withRun('act', (run) => run.vm.kill());
        break;
      case 'finish':
        this.#withRun('finish', (run) => this.#finish(run));
        break;
      case 'settle':
        this.#work('act', () => this.#ending.settle(this.#pod, action.because));
        break;
      case 'open-toolbox':
        this.#work('toolbox-open', () => this.#openToolbox());
        break;
      case 'close-toolbox':
        this.#work('toolbox-close', () => this.#closeToolbox());
        break;
      case 'remove':
        this.#work('remove', () => this.#remove());
        break;
    }
  }

  #withRun(busy: NonNullable<Observed['busy']>, work: (run: Run) => Promise<unknown>): void {
    const run = this.#run;
    if (run) this.#work(busy, () => work(run));
  }

  /** Does one thing and tells the queue. A fault that it doesn't handle itself is tried again, ever more slowly. */
  #work(busy: NonNullable<Observed['busy']>, work: () => Promise<unknown>): void {
    this.#busy = busy;
    const done = (): void => this.#queue.push({ on: 'done' });
    work().then(
      () => {
        this.#backoff.reset();
        this.#failures = 0;
        done();
      },
      async (error: unknown) => {
        this.#failures += 1;
        this.#logger.error({ doing: busy, error: messageOf(error) }, 'a step failed; it is tried again');
        await this.#tellDead(messageOf(error));
        await this.#parts.clock.sleep(this.#backoff.next());
        done();
      },
    );
  }

  /** Who waits for a removal that fails again and again is told so; it goes on being tried. */
  async #tellDead(why: string): Promise<void> {
    if (this.#pod.meta.deletedAt === undefined || this.#failures < this.#parts.limits.removalTries) return;
    try {
      await this.#write((pod) => removalStatus(pod, 'removing', why));
      await this.#write((pod) => removalStatus(pod, 'dead', why));
    } catch (error) {
      this.#logger.error({ error: messageOf(error) }, 'that the removal fails could not be told');
    }
  }

  async #prepare(): Promise<void> {
    this.#prepared = true;
    try {
      await preparePod(this.#parts, this.#pod, this.files);
    } catch (error) {
      if (codeOf(error) !== 'exists') this.#logger.debug({ error: messageOf(error) }, 'not prepared');
    }
  }

  async #start(serial: number): Promise<void> {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    const { files, logs } = this;
    await this.#ending.over;
    try {
      await this.#parts.liveness.mayRun(signal);
      this.#take(
        await startRun(this.#parts, { pod: this.#pod, serial, files, logs, seen: this.#seen, signal }),
      );
    } catch (error) {
      if (signal.aborted) return;
      const failure = startFailure(serial, error);
      this.#logger.info({ error: failure.error, code: codeOf(error) }, 'the start failed');
      await this.#write((pod) => failedStatus(pod, failure));
    }
    // The status is written at once: who asked for the start waits for it.
    if (this.#run) await this.#report(this.#run);
  }

  #take(run: Run): void {
    this.#run = run;
    this.#prepared = true;
    void run.ended.then(() => this.#queue.push({ on: 'pod' }));
    this.#upWaiters.settle(run);
    this.#probes = new HealthProbes({
      parts: this.#parts,
      pod: this.#pod,
      run,
      write: (change) => this.#write(change),
    });
    this.#probes.start();
  }

  async #report(run: Run): Promise<void> {
    run.reported = true;
    await this.#write((pod) => upStatus(pod, run.up));
  }

  async #setPaused(run: Run, paused: boolean): Promise<void> {
    await this.#steps.setPaused(this.#pod, run, paused);
    await this.#report(run);
  }

  async #fallAsleep(run: Run): Promise<void> {
    await this.#probes?.stop();
    this.#run = undefined;
    const awake = await this.#sleep.fall(this.#pod, run, this.#users);
    if (awake) this.#take(awake);
  }

  async #wake(): Promise<void> {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    try {
      const run = await this.#sleep.wake(this.#pod, signal);
      if (!run) return;
      this.#take(run);
      await this.#report(run);
    } catch (error) {
      for (const call of this.#calls.splice(0)) call.reject(error);
      if (!signal.aborted) throw error;
    }
  }

  async #finish(run: Run): Promise<void> {
    await this.#probes?.stop();
    await this.#ending.finish(this.#pod, run);
    this.#run = undefined;
    this.#sleep.refuse(notRunning(this.uid));
  }

  #serve(): void {
    const lease = this.#run ? { guest: this.#run.guest, release: () => {} } : this.#toolbox?.lease();
    if (lease) this.#calls.shift()?.resolve(lease);
  }

  async #openToolbox(): Promise<void> {
    await this.#ending.over;
    try {
      this.#toolbox = await openToolbox(this.#parts, this.#pod, this.files, () => this.podChanged());
    } catch (error) {
      for (const call of this.#calls.splice(0)) call.reject(error);
    }
  }

  async #closeToolbox(): Promise<void> {
    await this.#toolbox?.close(this.#pod.meta.deletedAt !== undefined);
    await releaseHolds(this.#parts, this.uid);
    removeRecord(this.files.record);
    this.#toolbox = undefined;
  }

  async #remove(): Promise<void> {
    await releaseHolds(this.#parts, this.uid);
    this.logs.remove();
    await rm(this.files.dir, { recursive: true, force: true });
    await this.#change((pod) => {
      // Given back to this host meanwhile, it is another owner's.
      if (pod.meta.deletedAt === undefined) return undefined;
      return { ...pod, meta: { ...pod.meta, finalizers: pod.meta.finalizers.filter((n) => n !== 'host') } };
    });
    this.#gone = true;
  }

  #write(status: (pod: Pod) => PodStatus | undefined): Promise<void> {
    return this.#change((pod) => {
      const next = status(pod);
      return next === undefined || isDeepStrictEqual(next, pod.status) ? undefined : { ...pod, status: next };
    });
  }

  /** Changes this very pod in the store, whatever it is called by now. One that is gone needs no change. */
  #change(change: (pod: Pod) => Pod | undefined): Promise<void> {
    return changePod(this.#parts.pods, this.uid, change);
  }
}

const notRunning = (uid: string): KraudError => new KraudError('conflict', `container ${uid} is not running`);

function goneError(pod: Pod): KraudError {
  return new KraudError('not-found', `No such container: ${pod.meta.uid}`);
}
