import { crc32 } from 'node:zlib';

/**
 * One piece of output on disk, numbers big-endian:
 *
 * | bytes | what                                                            |
 * | ----- | --------------------------------------------------------------- |
 * | 4     | length n of the data                                            |
 * | 4     | CRC-32 of everything after it                                   |
 * | 8     | time, ns since 1970                                             |
 * | 8     | offset in the run's output, as the guest counts it              |
 * | 4     | serial of the run                                               |
 * | 4     | stream: 1 stdout, 2 stderr                                      |
 * | n     | data                                                            |
 * | 4     | length of the whole record, so that files can be read backwards |
 */
export interface LogRecord {
  readonly timeNs: bigint;
  readonly offset: number;
  readonly serial: number;
  readonly stream: 1 | 2;
  readonly data: Buffer;
}

const headBytes = 32;
const tailBytes = 4;
export const recordOverheadBytes = headBytes + tailBytes;
/** Longer data is split, so that a reader's memory is bounded. */
export const recordDataBytesMax = 32 * 1024;

export function encodeRecords(records: readonly LogRecord[]): Buffer {
  let size = 0;
  for (const record of records) size += recordOverheadBytes + record.data.length;
  const out = Buffer.allocUnsafe(size);
  let at = 0;
  for (const { data, timeNs, offset, serial, stream } of records) {
    const total = recordOverheadBytes + data.length;
    out.writeUInt32BE(data.length, at);
    out.writeBigUInt64BE(timeNs, at + 8);
    out.writeBigUInt64BE(BigInt(offset), at + 16);
    out.writeUInt32BE(serial, at + 24);
    out.writeUInt32BE(stream, at + 28);
    data.copy(out, at + headBytes);
    out.writeUInt32BE(total, at + total - tailBytes);
    out.writeUInt32BE(crc32(out.subarray(at + 8, at + total)), at + 4);
    at += total;
  }
  return out;
}

/** Bytes of the record that begins at `at`, or undefined when not even its length is there. */
export function recordBytesAt(buffer: Buffer, at: number): number | undefined {
  return at + 4 <= buffer.length ? buffer.readUInt32BE(at) + recordOverheadBytes : undefined;
}

/** Bytes of the record that ends at `end`. */
export function recordBytesBefore(buffer: Buffer, end: number): number | undefined {
  return end >= tailBytes ? buffer.readUInt32BE(end - tailBytes) : undefined;
}

/** The record at `at`, whole and undamaged, or undefined. The data is a view of the buffer. */
export function decodeRecord(
  buffer: Buffer,
  at: number,
): { record: LogRecord; totalBytes: number } | undefined {
  const total = recordBytesAt(buffer, at);
  if (total === undefined || total > recordDataBytesMax + recordOverheadBytes || at + total > buffer.length) {
    return undefined;
  }
  if (crc32(buffer.subarray(at + 8, at + total)) !== buffer.readUInt32BE(at + 4)) return undefined;
  if (buffer.readUInt32BE(at + total - tailBytes) !== total) return undefined;
  const stream = buffer.readUInt32BE(at + 28);
  if (stream !== 1 && stream !== 2) return undefined;
  return {
    totalBytes: total,
    record: {
      timeNs: buffer.readBigUInt64BE(at + 8),
      offset: Number(buffer.readBigUInt64BE(at + 16)),
      serial: buffer.readUInt32BE(at + 24),
      stream,
      data: buffer.subarray(at + headBytes, at + total - tailBytes),
    },
  };
}
