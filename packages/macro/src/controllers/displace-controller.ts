import { type Clock, codeOf, type Logger } from '@kraud/base';
import type { Pod } from '../model/index.ts';
import type { Tables } from '../resources/tables.ts';
import { Controller } from './controller.ts';
import { afterDisplacement } from './displace.ts';

export interface DisplaceParts {
  readonly tables: Pick<Tables, 'pods'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Unbinds displaced pods once their hosts have let go of them: writes what `afterDisplacement` says. */
export class DisplaceController {
  readonly #parts: DisplaceParts;
  readonly #controller: Controller;

  constructor(parts: DisplaceParts) {
    this.#parts = parts;
    this.#controller = new Controller({
      name: 'displace',
      reconcile: async (uid) => {
        const pod = parts.tables.pods.cache.byUid(uid);
        if (pod && isDue(pod)) await this.#write(pod);
        return undefined;
      },
      clock: parts.clock,
      logger: parts.logger,
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { cache } = this.#parts.tables.pods;
    const look = (pod: Pod | undefined): void => {
      if (pod && isDue(pod)) this.#controller.enqueue(pod.meta.uid);
    };
    const unsubscribe = cache.subscribe((changes) => {
      for (const { after } of changes) look(after);
    });
    for (const pod of cache.list()) look(pod);
    await this.#controller.run(signal);
    unsubscribe();
  }

  async #write(pod: Pod): Promise<void> {
    try {
      await this.#parts.tables.pods.mutate(pod.meta, (present) =>
        present.meta.uid === pod.meta.uid ? afterDisplacement(present) : undefined,
      );
    } catch (error) {
      if (codeOf(error) !== 'not-found') throw error;
    }
  }
}

function isDue(pod: Pod): boolean {
  return afterDisplacement(structuredClone(pod)) !== undefined;
}
