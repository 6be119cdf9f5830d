import { CompactedError, type WatchBatch, type WatchEvent, type WatchOptions } from '../contract.ts';
import type { Commit } from '../embedded/batch.ts';
import { Recent } from '../embedded/recent.ts';
import { Waiting } from '../waiting.ts';
import { type FollowParts, follow } from './follow.ts';

export interface HubParts extends FollowParts {
  /** The store's present revision. */
  readonly present: () => Promise<number>;
}

interface Page {
  readonly events: readonly WatchEvent[];
  readonly through: number;
}

/**
 * Serves all watchers of this process from one watch of etcd. Each keeps nothing but its place: who keeps up reads
 * the recent revisions; who is further behind follows etcd on a stream of its own until it has caught up, so a slow
 * one costs no memory and stalls nobody.
 */
export class Hub {
  readonly #parts: HubParts;
  readonly #recent: Recent;
  readonly #waiting = new Waiting();
  readonly #closed = new AbortController();
  #running: Promise<void> | undefined;
  #revision: number;
  #compacted = 0;

  constructor(parts: HubParts, revision: number) {
    this.#parts = parts;
    this.#recent = new Recent({
      eventsMax: parts.limits.recentEventsMax,
      charsMax: parts.limits.recentCharsMax,
    });
    this.#revision = revision;
  }

  async *watch(prefix: string, options: WatchOptions): AsyncGenerator<WatchBatch, void, void> {
    const signal = options.signal
      ? AbortSignal.any([options.signal, this.#closed.signal])
      : this.#closed.signal;
    this.#start(options.fromRevision);
    let next = options.fromRevision;
    let told = next - 1;
    while (!signal.aborted) {
      if (next > this.#revision) {
        await this.#waiting.next(signal);
        continue;
      }
      if (next <= this.#compacted) throw new CompactedError(this.#compacted);
      for await (const page of this.#from(next, signal)) {
        const { through } = page;
        next = through + 1;
        const events = page.events.filter(({ key }) => key.startsWith(prefix));
        const caughtUp = next > this.#revision;
        if (events.length > 0 || (options.bookmarks && caughtUp && through > told)) {
          told = through;
          yield { revision: through, events };
        }
        if (signal.aborted) return;
      }
    }
  }

  /**
   * History before `revision` is gone. Watchers who have not read it are told so, but those who are reading at this
   * moment get to read on first.
   */
  async compacted(revision: number, timeoutMs: number): Promise<void> {
    const late = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(timeoutMs)]);
    while (this.#running && this.#revision < revision && !late.aborted) await this.#waiting.next(late);
    await new Promise((resolve) => setImmediate(resolve));
    this.#compacted = Math.max(this.#compacted, revision);
    if (!this.#running) this.#revision = Math.max(this.#revision, revision);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#waiting.wake();
    await this.#running;
  }

  /** What comes from revision `from` on, up to where the recent revisions begin, or out of them. */
  async *#from(from: number, signal: AbortSignal): AsyncGenerator<Page, void, void> {
    const recent = this.#recent.from(from);
    if (recent) return yield recent;
    for await (const commits of follow(this.#parts, from - 1, signal)) {
      const through = commits.at(-1)?.revision ?? from - 1;
      yield { events: commits.flatMap((commit) => commit.events), through };
      if (through >= this.#revision || this.#recent.from(through + 1)) return;
    }
  }

  /** With the first watcher, from where it wants to begin: what came before is of no interest yet. */
  #start(fromRevision: number): void {
    if (this.#running) return;
    this.#revision = Math.max(this.#revision, fromRevision - 1);
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      try {
        for await (const commits of follow(this.#parts, this.#revision, signal)) this.#publish(commits);
      } catch (error) {
        if (!(error instanceof CompactedError)) throw error;
        await this.#skip();
      }
    }
  }

  /** What was compacted unseen can't be seen any more: whoever waits for it finds that out from etcd. */
  async #skip(): Promise<void> {
    const { clock, limits, logger, present } = this.#parts;
    try {
      const revision = await present();
      logger.warn(
        { after: this.#revision, from: revision },
        'revisions were compacted before they were seen',
      );
      this.#recent.clear();
      this.#revision = revision;
      this.#waiting.wake();
    } catch {
      await clock.sleep(limits.retryMaxMs, this.#closed.signal).catch(() => {});
    }
  }

  #publish(commits: readonly Commit[]): void {
    for (const commit of commits) {
      this.#recent.push(commit);
      this.#revision = commit.revision;
    }
    this.#waiting.wake();
  }
}
