import { KraudError } from '@kraud/base';
import type { LogEntry } from './types.ts';

const headBytes = 17;
/** Offsets are numbers elsewhere. */
const offsetMax = BigInt(Number.MAX_SAFE_INTEGER);

/** The payload of a log frame: 8 bytes offset, 8 bytes time, 1 byte stream, the bytes. */
export function decodeLogEntry(payload: Buffer): LogEntry {
  const stream = payload[16];
  if (payload.length < headBytes || (stream !== 1 && stream !== 2)) {
    throw new KraudError('corrupt', 'the guest sent a malformed log entry');
  }
  const offset = payload.readBigUInt64BE(0);
  const timeNs = payload.readBigInt64BE(8);
  if (timeNs < 0n || offset + BigInt(payload.length) > offsetMax) {
    throw new KraudError('corrupt', `the guest sent a log entry at ${offset} of the time ${timeNs}`);
  }
  return {
    offset,
    timeNs,
    stream: stream === 1 ? 'stdout' : 'stderr',
    bytes: payload.subarray(headBytes),
  };
}

export function encodeLogEntry(entry: LogEntry): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeBigUInt64BE(entry.offset, 0);
  head.writeBigInt64BE(entry.timeNs, 8);
  head[16] = entry.stream === 'stdout' ? 1 : 2;
  return Buffer.concat([head, entry.bytes]);
}

/** The part of an entry from `offset` on, or undefined if all of it lies before. */
export function entryFrom(entry: LogEntry, offset: bigint): LogEntry | undefined {
  if (entry.offset >= offset) return entry;
  const skip = offset - entry.offset;
  if (skip >= BigInt(entry.bytes.length)) return undefined;
  return { ...entry, offset, bytes: entry.bytes.subarray(Number(skip)) };
}
