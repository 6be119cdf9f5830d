import type { Digest } from '../contract.ts';

/** Blobs that a running operation needs, whatever the images say. Lives in memory: a restart has no operations. */
export class Leases {
  readonly #counts = new Map<Digest, number>();

  take(): Lease {
    return new Lease(this.#counts);
  }

  holds(digest: Digest): boolean {
    return this.#counts.has(digest);
  }
}

/** One operation's hold on blobs, from before it looks for them until an image record names them. */
export class Lease implements Disposable {
  readonly #counts: Map<Digest, number>;
  readonly #mine = new Set<Digest>();

  constructor(counts: Map<Digest, number>) {
    this.#counts = counts;
  }

  hold(digest: Digest): void {
    if (this.#mine.has(digest)) return;
    this.#mine.add(digest);
    this.#counts.set(digest, (this.#counts.get(digest) ?? 0) + 1);
  }

  [Symbol.dispose](): void {
    for (const digest of this.#mine) {
      const left = (this.#counts.get(digest) ?? 1) - 1;
      if (left === 0) this.#counts.delete(digest);
      else this.#counts.set(digest, left);
    }
    this.#mine.clear();
  }
}
