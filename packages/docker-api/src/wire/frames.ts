/** One piece of output of a process. */
export interface Piece {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Uint8Array;
}

const headerBytes = 8;
const streamNumber = { stdout: 1, stderr: 2 } as const;

/**
 * Docker's frame for output without a tty: stream number, three zeroes, length (32 bit, big-endian), data.
 *
 * | piece         | bytes                           |
 * | ------------- | ------------------------------- |
 * | stdout `hi\n` | `01 00 00 00 00 00 00 03 68 69 0a` |
 */
export function frame({ stream, data }: Piece): Buffer {
  const bytes = Buffer.allocUnsafe(headerBytes + data.length);
  bytes.writeUInt32BE(streamNumber[stream] * 0x1000000, 0);
  bytes.writeUInt32BE(data.length, 4);
  bytes.set(data, headerBytes);
  return bytes;
}
