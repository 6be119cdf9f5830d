import { KraudError } from '@kraud/base';

/** So small a gap is not worth a mapping of its own. */
const gapPagesMax = 2;
/** From here on no gap is: a process may have some 65,000 mappings, and each run with the gap behind it makes two. */
const runsWanted = 8_192;
const runsMax = 24_000;
const runBytes = 8;

/**
 * Where the pages of a guest's memory that are not zero are in a file without holes: each gets the next place when it first comes. A
 * file like that is written, flushed and removed in a fraction of the time that a sparse one takes, and what it doesn't hold costs no
 * page cache when it is looked at.
 */
export class Layout {
  readonly #placeOf: Int32Array;
  readonly #runs: { readonly page: number; count: number }[] = [];
  #places = 0;

  constructor(pages: number) {
    this.#placeOf = new Int32Array(pages).fill(-1);
  }

  /** The place of a page, and how many places right before it are to be zeroes, as they are given away for the first time. */
  place(page: number): { readonly place: number; readonly zeroesBefore: number } {
    const known = this.#placeOf[page] ?? -1;
    if (known >= 0) return { place: known, zeroesBefore: 0 };
    const run = this.#runs.at(-1);
    const gap = run ? page - run.page - run.count : -1;
    if (
      run &&
      gap >= 0 &&
      (gap <= gapPagesMax || this.#runs.length >= runsWanted) &&
      this.#isFree(page - gap, page)
    ) {
      for (let at = page - gap; at <= page; at += 1) this.#take(at);
      run.count += gap + 1;
      return { place: this.#places - 1, zeroesBefore: gap };
    }
    if (this.#runs.length === runsMax) {
      throw new KraudError('unavailable', `the VM's memory is in more than ${runsMax} pieces`);
    }
    this.#runs.push({ page, count: 1 });
    this.#take(page);
    return { place: this.#places - 1, zeroesBefore: 0 };
  }

  /** Pairs of the first page of a run and how many it has, in the order of the file. */
  encode(): Buffer {
    const bytes = Buffer.alloc(this.#runs.length * runBytes);
    this.#runs.forEach(({ page, count }, index) => {
      bytes.writeUInt32LE(page, index * runBytes);
      bytes.writeUInt32LE(count, index * runBytes + 4);
    });
    return bytes;
  }

  #take(page: number): void {
    this.#placeOf[page] = this.#places;
    this.#places += 1;
  }

  #isFree(from: number, until: number): boolean {
    for (let at = from; at < until; at += 1) if (this.#placeOf[at] !== -1) return false;
    return true;
  }
}
