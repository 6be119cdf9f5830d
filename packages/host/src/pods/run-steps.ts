import type { Pod } from '@kraud/macro';
import type { HostParts } from '../parts.ts';
import { killAll, setPaused, signalStop, stopTimeoutMs } from './act-on-run.ts';
import { untilNothingNew } from './drain.ts';
import { inTime } from './patience.ts';
import type { Run } from './run.ts';

/** What a stop comes to when its time is up. */
export type StopStep = 'overdue' | 'given-up';

/** What is done with a run that is up. A guest that doesn't answer keeps nobody waiting for long. */
export class RunSteps {
  readonly #parts: HostParts;
  readonly #onLate: (run: Run, stop: StopStep) => void;

  constructor(parts: HostParts, onLate: (run: Run, stop: StopStep) => void) {
    this.#parts = parts;
    this.#onLate = onLate;
  }

  async setPaused(pod: Pod, run: Run, paused: boolean): Promise<void> {
    await this.#answered(run, setPaused(pod, run, paused));
  }

  async signal(pod: Pod, run: Run): Promise<void> {
    run.stop = 'signalled';
    await untilNothingNew(this.#parts, pod, run.signal);
    const timeoutMs = stopTimeoutMs(pod);
    if (timeoutMs !== undefined) this.#later(run, timeoutMs, 'overdue');
    // The stop goes on by itself then; but a guest that is well gets the signal, however little time it is given.
    const mostMs = timeoutMs === undefined ? undefined : Math.max(timeoutMs, this.#parts.limits.killGraceMs);
    await this.#answered(run, signalStop(pod, run), mostMs);
  }

  async kill(pod: Pod, run: Run): Promise<void> {
    run.stop = 'killed';
    this.#later(run, this.#parts.limits.killGraceMs, 'given-up');
    await this.#answered(run, killAll(pod, run), this.#parts.limits.killGraceMs);
  }

  #answered<T>(run: Run, work: Promise<T>, mostMs = Number.POSITIVE_INFINITY): Promise<T | undefined> {
    const { clock, limits } = this.#parts;
    const timeoutMs = Math.min(limits.guestAnswerTimeoutMs, mostMs);
    return inTime(work, { clock, timeoutMs, signal: run.signal });
  }

  #later(run: Run, ms: number, stop: StopStep): void {
    this.#parts.clock.sleep(ms, run.signal).then(
      () => this.#onLate(run, stop),
      () => {},
    );
  }
}
