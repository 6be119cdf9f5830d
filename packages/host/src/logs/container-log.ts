import { rmSync } from 'node:fs';
import type { OutputEntry, OutputQuery } from '../contract.ts';
import type { GuestLogEntry } from '../guest/guest.ts';
import { LogReader } from './log-reader.ts';
import { encodeRecords, type LogRecord, recordDataBytesMax } from './record.ts';
import { type Position, Segments } from './segments.ts';

export interface ContainerLogOptions {
  readonly dir: string;
  readonly segmentBytesMax: number;
  readonly segmentsMax: number;
  /** What one reader holds in memory. */
  readonly readBytesMax: number;
}

/** What a reader shares with the log it follows. */
export interface Follower {
  /** Set once the run that it follows is over: read up to here, then end. */
  stopAt: Position | undefined;
  wake: () => void;
}

/**
 * Output of one container over all its runs.
 *
 * - `append` has kept what it was given when it returns, and never keeps a byte of a run twice: a guest that sends
 *   again what it has no acknowledgement for is safe.
 * - Readers have bounded memory and hold nobody back: one that has caught up gets a batch from memory, any
 *   other reads the files.
 */
export class ContainerLog {
  readonly #options: ContainerLogOptions;
  readonly #followers = new Set<Follower>();
  #segments: Segments;
  #serial = 0;
  #nextOffset = 0;
  /** The last run that is known to be over. */
  #over = 0;
  #latest: { start: Position; bytes: Buffer } | undefined;

  constructor(options: ContainerLogOptions) {
    this.#options = options;
    this.#segments = new Segments(options);
    const last = this.#segments.last();
    if (last) {
      this.#serial = last.serial;
      this.#nextOffset = last.offset + last.data.length;
    }
  }

  get segments(): Segments {
    return this.#segments;
  }

  get latest(): { start: Position; bytes: Buffer } | undefined {
    return this.#latest;
  }

  get readers(): number {
    return this.#followers.size;
  }

  /** The first byte of the run's output that isn't kept yet. */
  resumeOffset(serial: number): number {
    return serial === this.#serial ? this.#nextOffset : 0;
  }

  append(serial: number, entries: readonly GuestLogEntry[]): void {
    const records: LogRecord[] = [];
    let next = this.resumeOffset(serial);
    for (const entry of entries) {
      const known = Math.max(0, next - entry.offset);
      for (let at = known; at < entry.data.length; at += recordDataBytesMax) {
        const data = entry.data.subarray(at, at + recordDataBytesMax);
        records.push({ timeNs: entry.timeNs, offset: entry.offset + at, serial, stream: entry.stream, data });
      }
      next = Math.max(next, entry.offset + entry.data.length);
    }
    if (records.length === 0) return;
    const bytes = encodeRecords(records);
    const start = this.#segments.append(bytes);
    this.#serial = serial;
    this.#nextOffset = next;
    this.#latest = { start, bytes };
    this.#wakeAll();
  }

  /** The present run is over: who follows it, or comes to do so, reads on to here. */
  endRun(serial: number): void {
    this.#over = Math.max(this.#over, serial);
    this.#stopAll();
  }

  #stopAll(): void {
    for (const follower of this.#followers) follower.stopAt ??= this.#segments.end;
    this.#wakeAll();
  }

  /** What `query` asks for, as of this call. */
  read(query: OutputQuery, signal: AbortSignal): AsyncIterable<OutputEntry> {
    const end = this.#segments.end;
    const isOver = query.follow === 'no' || (query.run !== undefined && query.run <= this.#over);
    const follower: Follower = { stopAt: isOver ? end : undefined, wake: () => {} };
    const leave = (): void => {
      this.#followers.delete(follower);
      signal.removeEventListener('abort', onAbort);
    };
    const onAbort = (): void => {
      leave();
      follower.wake();
    };
    if (!signal.aborted) {
      this.#followers.add(follower);
      signal.addEventListener('abort', onAbort, { once: true });
    }
    const reader = new LogReader(this, follower, query, end, this.#options.readBytesMax);
    return {
      [Symbol.asyncIterator]: async function* () {
        try {
          yield* reader.entries(signal);
        } finally {
          leave();
        }
      },
    };
  }

  /** Closes files; a later `append` opens them again. */
  close(): void {
    this.#segments.close();
    this.#latest = undefined;
  }

  /** Nothing is left of it; readers end. */
  remove(): void {
    this.#stopAll();
    this.#segments.close();
    rmSync(this.#options.dir, { recursive: true, force: true });
    this.#segments = new Segments(this.#options);
    this.#latest = undefined;
    this.#serial = 0;
    this.#nextOffset = 0;
  }

  #wakeAll(): void {
    for (const follower of this.#followers) follower.wake();
  }
}
