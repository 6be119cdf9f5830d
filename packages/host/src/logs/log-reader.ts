import { type FileHandle, open } from 'node:fs/promises';
import { isErrno, KraudError } from '@kraud/base';
import type { OutputEntry, OutputQuery } from '../contract.ts';
import type { ContainerLog, Follower } from './container-log.ts';
import { Pace } from './pace.ts';
import { decodeRecord, type LogRecord, recordBytesAt, recordBytesBefore } from './record.ts';
import { isBefore, type Position } from './segments.ts';

const newline = 10;
const nothing = Buffer.alloc(0);
/** Blocks of files that all readers together send on in one turn of the event loop: some milliseconds' work each. */
const pace = new Pace(4);

/** One reader of a log: finds its place, reads the files up to the end, then follows. */
export class LogReader {
  readonly #log: ContainerLog;
  readonly #follower: Follower;
  readonly #query: OutputQuery;
  readonly #end: Position;
  readonly #readBytesMax: number;
  #file: { segment: number; handle: FileHandle } | undefined;

  constructor(
    log: ContainerLog,
    follower: Follower,
    query: OutputQuery,
    /** End of the log when it was asked for. */
    end: Position,
    readBytesMax: number,
  ) {
    this.#log = log;
    this.#follower = follower;
    this.#query = query;
    this.#end = end;
    this.#readBytesMax = readBytesMax;
  }

  async *entries(signal: AbortSignal): AsyncGenerator<OutputEntry, void, void> {
    try {
      let { position, skip } = await this.#start();
      for (;;) {
        if (signal.aborted) return;
        const stopAt = this.#follower.stopAt;
        if (stopAt && !isBefore(position, stopAt)) return;
        const next = await this.#block(position);
        if (!next) {
          // All up to there had been written: what is missing has gone with its container, or to make room.
          if (stopAt) return;
          if (this.#follower.stopAt) continue;
          await this.#wait(position, signal);
          continue;
        }
        if (next.bytes !== this.#log.latest?.bytes) await pace.next();
        let at = 0;
        for (let found = decodeRecord(next.bytes, at); found; found = decodeRecord(next.bytes, at)) {
          const here = { segment: next.position.segment, at: next.position.at + at };
          if (this.#follower.stopAt && !isBefore(here, this.#follower.stopAt)) return;
          yield* this.#pieces(found.record, skip);
          skip = 0;
          at += found.totalBytes;
          if (signal.aborted) return;
        }
        if (at === 0 && next.bytes.length > 0)
          throw new KraudError('corrupt', `log is damaged at byte ${next.position.at}`);
        position = { segment: next.position.segment, at: next.position.at + at };
      }
    } finally {
      await this.#closeFile();
    }
  }

  /** Resolves when there is more than `position`, or the follower is to stop. */
  async #wait(position: Position, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#follower.wake = resolve;
      if (signal.aborted || this.#follower.stopAt || isBefore(position, this.#log.segments.end)) resolve();
    });
    this.#follower.wake = () => {};
  }

  /** Bytes from `position` on that hold whole records (none at the start of a new file); undefined at the end. */
  async #block(position: Position): Promise<{ position: Position; bytes: Buffer } | undefined> {
    let from = position;
    for (;;) {
      const latest = this.#log.latest;
      if (latest && latest.start.segment === from.segment && latest.start.at === from.at) {
        return { position: from, bytes: latest.bytes };
      }
      const end = this.#log.segments.end;
      if (!isBefore(from, end)) return from === position ? undefined : { position: from, bytes: nothing };
      const limit = from.segment === end.segment ? end.at : Number.POSITIVE_INFINITY;
      const bytes = await this.#read(from, limit);
      if (bytes && bytes.length > 0) return { position: from, bytes };
      const following = this.#log.segments.after(from.segment);
      if (following === undefined) return undefined;
      from = { segment: following, at: 0 };
    }
  }

  async #read(from: Position, limit: number): Promise<Buffer | undefined> {
    const handle = await this.#openFile(from.segment);
    if (!handle) return undefined;
    const length = Math.min(this.#readBytesMax, limit - from.at);
    const bytes = await readAt(handle, from.at, length);
    const first = recordBytesAt(bytes, 0);
    if (first === undefined || first <= bytes.length) return bytes;
    return await readAt(handle, from.at, Math.min(first, limit - from.at));
  }

  /** Undefined when it was rotated away. */
  async #openFile(segment: number): Promise<FileHandle | undefined> {
    if (this.#file?.segment === segment) return this.#file.handle;
    await this.#closeFile();
    try {
      const handle = await open(this.#log.segments.path(segment), 'r');
      this.#file = { segment, handle };
      return handle;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.handle.close();
  }

  async #start(): Promise<{ position: Position; skip: number }> {
    const { from } = this.#query;
    if (from === 'end') return { position: this.#end, skip: 0 };
    if (from === 'start') return { position: this.#log.segments.first, skip: 0 };
    return await this.#lastLines(from);
  }

  /** Where the last `lines` lines begin: in which record, and how many bytes of it to leave out. */
  async #lastLines(lines: number): Promise<{ position: Position; skip: number }> {
    if (lines <= 0) return { position: this.#end, skip: 0 };
    let count = 0;
    let seen = false;
    let segment: number | undefined = this.#end.segment;
    let first = this.#end;
    while (segment !== undefined) {
      const handle = await this.#openFile(segment);
      let end = segment === this.#end.segment ? this.#end.at : handle ? (await handle.stat()).size : 0;
      while (handle && end > 0) {
        const block = await this.#blockBefore(handle, end);
        let inside = block.length;
        for (;;) {
          const total = recordBytesBefore(block, inside);
          const found =
            total !== undefined && total <= inside ? decodeRecord(block, inside - total) : undefined;
          if (!found) break;
          inside -= found.totalBytes;
          first = { segment, at: end - block.length + inside };
          const { data } = found.record;
          if (!this.#wants(found.record) || data.length === 0) continue;
          for (let at = data.length - 1; at >= 0; at -= 1) {
            if (data[at] === newline && seen) count += 1;
            seen = true;
            if (count === lines) return { position: first, skip: at + 1 };
          }
        }
        if (inside === block.length) throw new KraudError('corrupt', `log is damaged before byte ${end}`);
        end -= block.length - inside;
      }
      segment = this.#log.segments.before(segment);
    }
    return { position: first, skip: 0 };
  }

  /** A block that ends at `end` and holds at least one record whole. */
  async #blockBefore(handle: FileHandle, end: number): Promise<Buffer> {
    const length = Math.min(this.#readBytesMax, end);
    const block = await readAt(handle, end - length, length);
    const last = recordBytesBefore(block, block.length) ?? 0;
    if (last <= block.length) return block;
    const longer = Math.min(last, end);
    return await readAt(handle, end - longer, longer);
  }

  #wants(record: LogRecord): boolean {
    return record.stream === 1 ? this.#query.stdout : this.#query.stderr;
  }

  *#pieces(record: LogRecord, skip: number): Generator<OutputEntry> {
    const { timeNs } = record;
    const { sinceNs, untilNs } = this.#query;
    if (!this.#wants(record)) return;
    if (sinceNs !== undefined && timeNs < sinceNs) return;
    if (untilNs !== undefined && timeNs > untilNs) return;
    const stream = record.stream === 1 ? 'stdout' : 'stderr';
    let at = skip;
    while (at < record.data.length) {
      const end = this.#query.chunks ? -1 : record.data.indexOf(newline, at);
      const next = end < 0 ? record.data.length : end + 1;
      yield { stream, timeNs, data: record.data.subarray(at, next) };
      at = next;
    }
  }
}

async function readAt(handle: FileHandle, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  const { bytesRead } = await handle.read(buffer, 0, length, at);
  return buffer.subarray(0, bytesRead);
}
