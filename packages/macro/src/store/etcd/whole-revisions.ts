import type { EtcdEvent, WatchResponse } from './wire/responses.ts';

export interface Revision {
  readonly revision: number;
  readonly events: readonly EtcdEvent[];
}

/**
 * Joins what etcd splits: an answer comes in fragments when it is large, and a revision may lie across two of them.
 * Drops what was seen before: some versions send an event twice.
 */
export class WholeRevisions {
  #through: number;
  #revision = 0;
  #events: EtcdEvent[] = [];

  /** Only what comes after revision `after` is of interest. */
  constructor(after: number) {
    this.#through = after;
  }

  /** The revisions that are complete with this answer. */
  take(response: Pick<WatchResponse, 'events' | 'fragment'>): Revision[] {
    const whole: Revision[] = [];
    for (const event of response.events) {
      const revision = event.kv.modRevision;
      if (revision <= this.#through) continue;
      if (revision !== this.#revision) this.#seal(whole);
      this.#revision = revision;
      this.#events.push(event);
    }
    if (!response.fragment) this.#seal(whole);
    return whole;
  }

  #seal(whole: Revision[]): void {
    if (this.#events.length === 0) return;
    whole.push({ revision: this.#revision, events: this.#events });
    this.#through = this.#revision;
    this.#events = [];
  }
}
