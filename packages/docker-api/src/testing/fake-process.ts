import { PassThrough, type Writable } from 'node:stream';
import { BoundedQueue } from '@kraud/base';

export interface FakePiece {
  stream: 'stdout' | 'stderr';
  timeNs: bigint;
  data: Buffer;
}

const timeNs = 1_700_000_000_123_456_789n;

/**
 * What a few programs do, without a machine: `echo` prints, `err` prints to stderr, `cat` copies its input, `exit N`
 * exits, `flood N` prints N pieces of 64 KiB, `hush` closes its output and goes on, everything else sleeps until it is killed.
 */
export class FakeProcess {
  readonly stdin = new PassThrough();
  readonly exited: Promise<number>;
  readonly #listeners = new Set<BoundedQueue<FakePiece>>();
  readonly #args: readonly string[];
  readonly past: FakePiece[] = [];
  /** Pieces that `flood` has made so far: how far the reader let it go. */
  made = 0;
  #exit: (code: number) => void = () => {};
  #over = false;

  constructor(args: readonly string[]) {
    this.#args = args;
    this.exited = new Promise((resolve) => {
      this.#exit = resolve;
    });
  }

  run(): void {
    const [program = '', ...rest] = this.#args;
    if (program === 'echo') {
      this.#print('stdout', Buffer.from(`${rest.join(' ')}\n`));
      this.kill(0);
    } else if (program === 'err') {
      this.#print('stderr', Buffer.from(`${rest.join(' ')}\n`));
      this.kill(1);
    } else if (program === 'exit') {
      this.kill(Number(rest[0]));
    } else if (program === 'hush') {
      for (const listener of this.#listeners) listener.close();
    } else if (program === 'cat') {
      void this.#copy();
    }
  }

  kill(code: number): void {
    if (this.#over) return;
    this.#over = true;
    for (const listener of this.#listeners) listener.close();
    this.#exit(code);
  }

  input(): Writable {
    return this.stdin;
  }

  output(from: 'start' | 'end'): AsyncIterable<FakePiece> {
    if (this.#args[0] === 'flood') return this.#flood(Number(this.#args[1]));
    const queue = new BoundedQueue<FakePiece>(10_000);
    if (from === 'start') for (const piece of this.past) queue.push(piece);
    if (this.#over) queue.close();
    else this.#listeners.add(queue);
    return queue;
  }

  async *#flood(pieces: number): AsyncGenerator<FakePiece, void, void> {
    while (this.made < pieces) {
      this.made += 1;
      yield { stream: 'stdout', timeNs, data: Buffer.alloc(65_536, 0x61) };
    }
  }

  #print(stream: 'stdout' | 'stderr', data: Buffer): void {
    const piece = { stream, timeNs, data };
    this.past.push(piece);
    for (const listener of this.#listeners) listener.push(piece);
  }

  async #copy(): Promise<void> {
    for await (const chunk of this.stdin) this.#print('stdout', chunk);
    this.kill(0);
  }
}
