import { type Clock, codeOf, type Logger } from '@kraud/base';
import type { Pod } from '../model/index.ts';
import type { Tables } from '../resources/tables.ts';
import { Controller, type Reconciled } from './controller.ts';
import {
  applyRestart,
  type RestartLimits,
  type RestartStep,
  restartDefaults,
  restartStep,
  startsWithDaemon,
} from './restart-policy.ts';

export interface RestartParts {
  readonly tables: Pick<Tables, 'pods'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: RestartLimits;
}

/** Brings pods back as their restart policies say: writes what `restartStep` decides, when it is due. */
export class RestartController {
  readonly #parts: RestartParts;
  readonly #controller: Controller;
  readonly #deadlines = new Map<string, { readonly serial: number; readonly atMs: number }>();

  constructor(parts: RestartParts) {
    this.#parts = parts;
    this.#controller = new Controller({
      name: 'restart',
      reconcile: (uid) => this.#reconcile(uid),
      clock: parts.clock,
      logger: parts.logger,
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { cache } = this.#parts.tables.pods;
    const unsubscribe = cache.subscribe((changes) => {
      for (const { before, after } of changes) {
        if (!after) this.#deadlines.delete(before?.meta.uid ?? '');
        else if (this.#step(after).step !== 'none') this.#controller.enqueue(after.meta.uid);
      }
    });
    for (const pod of cache.list()) this.#controller.enqueue(pod.meta.uid);
    await this.#controller.run(signal);
    unsubscribe();
  }

  /** Once after a start of the daemon, before `run`: `always` brings back what the user had stopped, on one host or all. */
  async startStopped(host?: string): Promise<void> {
    const { cache } = this.#parts.tables.pods;
    const due = (host === undefined ? cache.list() : cache.by('host', host)).filter(startsWithDaemon);
    await Promise.all(
      due.map((pod) =>
        this.#mutate(pod, (present) => {
          if (!startsWithDaemon(present)) return undefined;
          const serial = Math.max(present.spec.run.serial, present.status.serial) + 1;
          present.spec.run = { wanted: 'running', serial, stoppedByUser: false };
          return present;
        }),
      ),
    );
  }

  #step(pod: Pod): RestartStep {
    return restartStep(pod, this.#parts.limits ?? restartDefaults);
  }

  async #reconcile(uid: string): Promise<Reconciled> {
    const pod = this.#parts.tables.pods.cache.byUid(uid);
    if (!pod) return undefined;
    const step = this.#step(pod);
    if (step.step === 'none') return undefined;
    if (step.step === 'start') {
      const leftMs = this.#leftMs(uid, step, pod.status.restart?.delayMs ?? 0);
      if (leftMs > 0) return { againMs: leftMs };
    }
    this.#deadlines.delete(uid);
    await this.#mutate(pod, (present) => {
      const now = this.#step(present);
      return now.step === step.step ? applyRestart(present, now) : undefined;
    });
    return undefined;
  }

  /** The wall clock says when it is due, once; from then on it counts on the clock that nobody sets back. */
  #leftMs(uid: string, step: { dueAtMs: number; serial: number }, delayMs: number): number {
    const { clock } = this.#parts;
    let deadline = this.#deadlines.get(uid);
    if (deadline?.serial !== step.serial) {
      const waitMs = Math.min(step.dueAtMs - clock.now(), delayMs);
      deadline = { serial: step.serial, atMs: clock.monotonic() + waitMs };
      this.#deadlines.set(uid, deadline);
    }
    return deadline.atMs - clock.monotonic();
  }

  async #mutate(pod: Pod, change: (present: Pod) => Pod | undefined): Promise<void> {
    try {
      await this.#parts.tables.pods.mutate(pod.meta, (present) =>
        present.meta.uid === pod.meta.uid ? change(present) : undefined,
      );
    } catch (error) {
      if (codeOf(error) !== 'not-found') throw error;
    }
  }
}
