import { isDeepStrictEqual } from 'node:util';
import type { Pod } from '@kraud/macro';
import type { LogBook } from '../logs/log-book.ts';
import type { HostParts } from '../parts.ts';
import { lossOf, releaseHolds } from './claim.ts';
import { leavePlaces } from './places.ts';
import type { PodFiles } from './pod-files.ts';
import { changePod } from './pod-table.ts';
import { holdsPlaces, type Run, sharesFiles } from './run.ts';
import { notedEnds, noteEnds, readRecord, removeRecord } from './run-record.ts';
import { afterExit, settledStatus } from './status.ts';
import { nsOfMs } from './times.ts';

/** How a pod's runs end: what is told when, and what is given back before. */
export class RunEnding {
  readonly #parts: HostParts;
  readonly #uid: string;
  readonly #files: PodFiles;
  readonly #logs: LogBook;
  /** The last run's VM, which goes down while the pod is removed. A daemon that dies meanwhile finds it and ends it. */
  #over: Promise<void> = Promise.resolve();

  constructor(parts: HostParts, uid: string, files: PodFiles, logs: LogBook) {
    this.#parts = parts;
    this.#uid = uid;
    this.#files = files;
    this.#logs = logs;
  }

  /** Resolves once nothing of an earlier run has the pod's disks any more. */
  get over(): Promise<void> {
    return this.#over;
  }

  /**
   * A run is over. Its exit is told as soon as nothing is held any more that another pod could trip over (ports,
   * volumes); the VM may still be going down then, and of a pod that goes for good its network. The VM goes first where its disks are to be kept, and last, behind
   * the pod's own removal, where nothing is.
   */
  async finish({ meta, spec }: Pod, run: Run): Promise<void> {
    const { clock, pods } = this.#parts;
    noteEnds(this.#files.record, run.record, run.ends);
    const detached = leavePlaces(this.#parts, this.#uid);
    const shares = sharesFiles(run);
    const removesItself = spec.autoRemove && spec.run.stop?.again !== true;
    const keepsNothing = !shares && (meta.deletedAt !== undefined || removesItself);
    const released = this.#release(run, detached, keepsNothing);
    released.catch(() => {});
    if (shares) await released;
    else if (!keepsNothing || holdsPlaces({ spec })) await detached;
    if (!run.exitReported) {
      await changePod(pods, this.#uid, (pod) => afterExit(pod, run, keepsNothing, clock.now()));
      run.exitReported = true;
    }
    // The record is kept until the exit is told: a daemon that dies before that tells it from there.
    const gone = released.then(() => removeRecord(this.#files.record));
    // Looked at by the next who needs the disks, or at the end.
    gone.catch(() => {});
    if (keepsNothing) this.#over = gone;
    else await gone;
  }

  /** Nothing runs. What an earlier daemon noted of the run's end is told, otherwise that it is lost. */
  async settle({ status }: Pod, because: 'lost' | 'overtaken'): Promise<void> {
    const record = readRecord(this.#files.record);
    const noted = record?.use === 'run' && record.serial === status.serial ? notedEnds(record) : undefined;
    await releaseHolds(this.#parts, this.#uid);
    this.#logs.endRun(status.serial);
    const how = lossOf(this.#parts, because);
    await changePod(this.#parts.pods, this.#uid, (pod) => {
      const next = settledStatus(pod, how, nsOfMs(this.#parts.clock.now()), noted);
      return isDeepStrictEqual(next, pod.status) ? undefined : { ...pod, status: next };
    });
    removeRecord(this.#files.record);
  }

  async #release(run: Run, detached: Promise<void>, keepsNothing: boolean): Promise<void> {
    await (keepsNothing ? run.vm.kill() : run.vm.stop());
    await detached;
    await releaseHolds(this.#parts, this.#uid);
  }
}
