import { existsSync } from 'node:fs';
import type { Tap } from './contract.ts';
import type { Vpc } from './vpc.ts';

export interface StagedTap {
  readonly vpc: Vpc;
  readonly device: string;
}

const entriesBeforePruning = 256;

/** Taps of VMs that wait warm, by where their launcher made them; they are in a VPC already. */
export class StagedTaps {
  readonly #taps = new Map<string, Promise<StagedTap | undefined>>();

  /** `moved` is under way; when it fails the tap is where it was. */
  add(tap: Tap, moved: Promise<StagedTap>): void {
    if (this.#taps.size >= entriesBeforePruning) this.#prune();
    const settled = moved.catch(() => undefined);
    this.#taps.set(keyOf(tap), settled);
  }

  /** Answers once, after the move has ended. */
  async claim(tap: Tap): Promise<StagedTap | undefined> {
    const key = keyOf(tap);
    const staged = this.#taps.get(key);
    this.#taps.delete(key);
    return await staged;
  }

  async devices(): Promise<Set<string>> {
    const all = await Promise.all(this.#taps.values());
    return new Set(all.flatMap((s) => (s ? [s.device] : [])));
  }

  /** Forgets those whose VMM has ended, and their tap with it. */
  #prune(): void {
    for (const key of this.#taps.keys()) {
      const pid = /^(\d+) /.exec(key)?.[1];
      if (pid !== undefined && !existsSync(`/proc/${pid}`)) this.#taps.delete(key);
    }
  }
}

function keyOf(tap: Tap): string {
  const place = tap.netns === 'host' ? 'host' : 'pid' in tap.netns ? tap.netns.pid : `name:${tap.netns.name}`;
  return `${place} ${tap.name}`;
}
