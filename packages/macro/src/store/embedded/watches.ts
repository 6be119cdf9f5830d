import { CompactedError, type WatchBatch, type WatchEvent, type WatchOptions } from '../contract.ts';
import { Waiting } from '../waiting.ts';
import type { Commit } from './batch.ts';
import type { Reader } from './engine.ts';
import { compactRevision, eventsFrom, presentRevision } from './history.ts';
import { Recent } from './recent.ts';

/**
 * Serves watchers. Each keeps nothing but its place: who keeps up reads the recent commits, who lags reads the
 * log a page at a time, so a slow one costs no memory and stalls nobody.
 */
export class Watches {
  readonly #reader: Reader;
  readonly #recent: Recent;
  readonly #pageEvents: number;
  readonly #waiting = new Waiting();
  #revision: number;
  #compacted: number;
  #closed = false;

  constructor(
    reader: Reader,
    limits: { recentEventsMax: number; recentCharsMax: number; pageEvents: number },
  ) {
    this.#reader = reader;
    this.#recent = new Recent({ eventsMax: limits.recentEventsMax, charsMax: limits.recentCharsMax });
    this.#pageEvents = limits.pageEvents;
    this.#revision = presentRevision(reader);
    this.#compacted = compactRevision(reader);
  }

  /** Called with every durable commit, in order, and how far history is compacted. */
  publish(commits: readonly Commit[], compacted: number): void {
    this.#compacted = compacted;
    for (const commit of commits) {
      this.#recent.push(commit);
      this.#revision = commit.revision;
    }
    this.#waiting.wake();
  }

  close(): void {
    this.#closed = true;
    this.#waiting.wake();
  }

  async *watch(prefix: string, options: WatchOptions): AsyncGenerator<WatchBatch, void, void> {
    const { signal } = options;
    // Listened for: asking a signal that is made of others whether it is aborted costs more than all else in here.
    const over = { is: signal?.aborted ?? false };
    const end = (): void => {
      over.is = true;
    };
    signal?.addEventListener('abort', end, { once: true });
    try {
      yield* this.#follow(prefix, options, over);
    } finally {
      signal?.removeEventListener('abort', end);
    }
  }

  async *#follow(
    prefix: string,
    options: WatchOptions,
    over: { readonly is: boolean },
  ): AsyncGenerator<WatchBatch, void, void> {
    let next = options.fromRevision;
    let told = next - 1;
    while (!this.#closed && !over.is) {
      if (next > this.#revision) {
        await this.#waiting.next(options.signal);
        continue;
      }
      const page = this.#page(next);
      next = page.through + 1;
      const events = page.events.filter((event) => event.key.startsWith(prefix));
      const caughtUp = next > this.#revision;
      if (events.length > 0 || (options.bookmarks && caughtUp && page.through > told)) {
        told = page.through;
        yield { revision: page.through, events };
      } else if (!caughtUp) {
        // A long stretch of others' events must not hold the event loop.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  #page(from: number): { events: WatchEvent[]; through: number } {
    if (from <= this.#compacted) throw new CompactedError(this.#compacted);
    return this.#recent.from(from) ?? eventsFrom(this.#reader, from, this.#pageEvents);
  }
}
