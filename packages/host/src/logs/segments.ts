import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '@kraud/base';
import { decodeRecord, type LogRecord, recordBytesBefore } from './record.ts';

/** A place in a log: byte `at` of file number `segment`. */
export interface Position {
  readonly segment: number;
  readonly at: number;
}

export const isBefore = (a: Position, b: Position): boolean =>
  a.segment < b.segment || (a.segment === b.segment && a.at < b.at);

/**
 * The files of one log, `1.log`, `2.log`, …; only the last one grows. Whatever `append` returned from is in the
 * page cache and outlives the daemon; a record that a kill cut short is cut off when the log is opened.
 *
 * Writes are synchronous on purpose: they are copies into the page cache (tens of microseconds for the batches that
 * a guest's window allows), and a reader that is told of them finds them whole.
 */
export class Segments {
  readonly #dir: string;
  readonly #segmentBytesMax: number;
  readonly #segmentsMax: number;
  #numbers: number[];
  #fd: number | undefined;
  #size = 0;

  constructor(options: { dir: string; segmentBytesMax: number; segmentsMax: number }) {
    this.#dir = options.dir;
    this.#segmentBytesMax = options.segmentBytesMax;
    this.#segmentsMax = options.segmentsMax;
    this.#numbers = listNumbers(options.dir);
    if (this.#numbers.length > 0) this.#openLast();
  }

  get end(): Position {
    return { segment: this.#numbers.at(-1) ?? 1, at: this.#size };
  }

  get first(): Position {
    return { segment: this.#numbers[0] ?? 1, at: 0 };
  }

  path(segment: number): string {
    return join(this.#dir, `${segment}.log`);
  }

  /** The oldest file after `segment` that is still kept. */
  after(segment: number): number | undefined {
    return this.#numbers.find((number) => number > segment);
  }

  before(segment: number): number | undefined {
    return this.#numbers.findLast((number) => number < segment);
  }

  /** Where the bytes begin. On failure (disk full) nothing is kept of them. */
  append(bytes: Buffer): Position {
    if (this.#size >= this.#segmentBytesMax) this.#rotate();
    const fd = this.#fd ?? this.#create();
    const start = this.end;
    let done = 0;
    try {
      while (done < bytes.length) {
        done += writeSync(fd, bytes, done, bytes.length - done, this.#size + done);
      }
    } catch (error) {
      ftruncateSync(fd, this.#size);
      throw error;
    }
    this.#size += bytes.length;
    return start;
  }

  /** The newest whole record. */
  last(): LogRecord | undefined {
    for (const number of this.#numbers.toReversed()) {
      const fd = openSync(this.path(number), 'r');
      try {
        const record = lastRecord(fd, fstatSync(fd).size);
        if (record) return record;
      } finally {
        closeSync(fd);
      }
    }
    return undefined;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #create(): number {
    if (this.#numbers.length > 0) return this.#openLast();
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    this.#numbers = [1];
    this.#fd = openSync(this.path(1), 'a+', 0o600);
    this.#size = 0;
    return this.#fd;
  }

  #openLast(): number {
    const fd = openSync(this.path(this.end.segment), 'r+');
    const size = fstatSync(fd).size;
    const whole = lastRecord(fd, size) ? size : wholeBytes(fd, size);
    if (whole < size) ftruncateSync(fd, whole);
    this.#size = whole;
    this.#fd = fd;
    return fd;
  }

  #rotate(): void {
    const next = this.end.segment + 1;
    const fd = openSync(this.path(next), 'w+', 0o600);
    this.close();
    this.#fd = fd;
    this.#size = 0;
    this.#numbers.push(next);
    while (this.#numbers.length > this.#segmentsMax) {
      const oldest = this.#numbers.shift();
      if (oldest !== undefined) rmSync(this.path(oldest), { force: true });
    }
  }
}

function listNumbers(dir: string): number[] {
  try {
    return readdirSync(dir)
      .flatMap((name) => /^(\d+)\.log$/.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

function lastRecord(fd: number, size: number): LogRecord | undefined {
  const tail = readAt(fd, Math.max(0, size - 4), Math.min(4, size));
  const total = recordBytesBefore(tail, tail.length);
  if (total === undefined || total > size) return undefined;
  return decodeRecord(readAt(fd, size - total, total), 0)?.record;
}

/** How many bytes from the start are whole records: only asked when the end isn't. */
function wholeBytes(fd: number, size: number): number {
  const block = 1024 * 1024;
  let at = 0;
  for (;;) {
    const bytes = readAt(fd, at, Math.min(block, size - at));
    let inside = 0;
    for (let found = decodeRecord(bytes, 0); found; found = decodeRecord(bytes, inside)) {
      inside += found.totalBytes;
    }
    if (inside === 0) return at;
    at += inside;
  }
}

function readAt(fd: number, at: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  return buffer.subarray(0, readSync(fd, buffer, 0, length, at));
}
