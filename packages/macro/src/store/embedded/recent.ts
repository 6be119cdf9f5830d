import type { WatchEvent } from '../contract.ts';
import type { Commit } from './batch.ts';

const keptOnTrim = 0.75;

/**
 * The last few commits, kept so that watchers who keep up never touch the engine. Bounded by events and by
 * characters; always without a gap.
 */
export class Recent {
  readonly #eventsMax: number;
  readonly #charsMax: number;
  #commits: Commit[] = [];
  #events = 0;
  #chars = 0;

  constructor(limits: { eventsMax: number; charsMax: number }) {
    this.#eventsMax = limits.eventsMax;
    this.#charsMax = limits.charsMax;
  }

  push(commit: Commit): void {
    const last = this.#commits.at(-1);
    if (last && commit.revision !== last.revision + 1) this.clear();
    this.#commits.push(commit);
    this.#events += commit.events.length;
    this.#chars += charsOf(commit);
    if (this.#events > this.#eventsMax || this.#chars > this.#charsMax) this.#trim();
  }

  /** More than must go is dropped, so that this is seldom: it moves all that stays. */
  #trim(): void {
    let drop = 0;
    while (this.#events > this.#eventsMax * keptOnTrim || this.#chars > this.#charsMax * keptOnTrim) {
      const first = this.#commits[drop];
      if (!first) break;
      drop += 1;
      this.#events -= first.events.length;
      this.#chars -= charsOf(first);
    }
    this.#commits.splice(0, drop);
  }

  /** Everything from revision `from` on, or undefined if that reaches too far back. */
  from(from: number): { events: WatchEvent[]; through: number } | undefined {
    const first = this.#commits[0];
    const last = this.#commits.at(-1);
    if (!first || !last || from < first.revision) return undefined;
    const commits = this.#commits.slice(from - first.revision);
    return { events: commits.flatMap((commit) => commit.events), through: last.revision };
  }

  clear(): void {
    this.#commits = [];
    this.#events = 0;
    this.#chars = 0;
  }
}

function charsOf(commit: Commit): number {
  let chars = 0;
  for (const event of commit.events) {
    chars += event.key.length + (event.prev?.value.length ?? 0);
    if (event.type === 'put') chars += event.entry.value.length;
  }
  return chars;
}
