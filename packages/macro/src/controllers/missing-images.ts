import type { Clock, Logger } from '@kraud/base';
import type { Workload } from '../model/index.ts';
import type { Tables } from '../resources/tables.ts';
import { Controller, type Reconciled } from './controller.ts';

export const missingImageDefaults = {
  /** How often an image that could not be had is asked for again. */
  askEveryMs: 30_000,
};

export interface MissingImagesParts {
  readonly tables: Pick<Tables, 'workloads' | 'images'>;
  /** Looks for the workload's image, here and at its registry; writes the template anew if it is there. True then. */
  readonly findImage: (workload: Workload, signal: AbortSignal) => Promise<boolean>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: typeof missingImageDefaults;
}

/** Gives workloads their image once it can be had: when one came into the cloud, and from time to time. */
export class MissingImages {
  readonly #parts: MissingImagesParts;
  readonly #controller: Controller;
  #signal = AbortSignal.abort();

  constructor(parts: MissingImagesParts) {
    this.#parts = parts;
    this.#controller = new Controller({
      name: 'missing-images',
      reconcile: (uid) => this.#reconcile(uid),
      clock: parts.clock,
      logger: parts.logger,
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { workloads, images } = this.#parts.tables;
    this.#signal = signal;
    const look = (workload: Workload | undefined): void => {
      if (workload && isMissing(workload)) this.#controller.enqueue(workload.meta.uid);
    };
    const unsubscribe = [
      workloads.cache.subscribe((changes) => {
        for (const { before, after } of changes) if (!before || !isMissing(before)) look(after);
      }),
      images.cache.subscribe((changes) => {
        if (changes.some(({ after }) => after)) for (const workload of workloads.everywhere()) look(workload);
      }),
    ];
    for (const workload of workloads.everywhere()) look(workload);
    await this.#controller.run(signal);
    for (const stop of unsubscribe) stop();
  }

  async #reconcile(uid: string): Promise<Reconciled> {
    const { tables, findImage, limits = missingImageDefaults } = this.#parts;
    const workload = tables.workloads.cache.byUid(uid);
    if (!workload || !isMissing(workload)) return undefined;
    return (await findImage(workload, this.#signal)) ? undefined : { againMs: limits.askEveryMs };
  }
}

const isMissing = ({ meta, spec }: Workload): boolean =>
  meta.deletedAt === undefined && spec.template.asked !== undefined;
