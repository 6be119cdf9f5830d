import { spawn } from 'node:child_process';
import { Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGunzip, createZstdDecompress } from 'node:zlib';
import { isErrno, KraudError, messageOf } from '@kraud/base';
import type { ByteStream } from '../contract.ts';

const chunkBytes = 256 * 1024;
/** 128 MiB of window, as zstd's own default. */
const zstdWindowLogMax = 27;

export type Compression = 'none' | 'gzip' | 'zstd' | 'xz' | 'bzip2';

/**
 * Told by the first bytes, as Docker does, whatever the media type says.
 *
 * | bytes               | compression |
 * | ------------------- | ----------- |
 * | `1f 8b 08`          | gzip        |
 * | `28 b5 2f fd`       | zstd        |
 * | `5? 2a 4d 18`       | zstd        |
 * | `fd 37 7a 58 5a 00` | xz          |
 * | `42 5a 68`          | bzip2       |
 */
export function compressionOf(head: Uint8Array): Compression {
  const starts = (...bytes: number[]): boolean => bytes.every((byte, i) => head[i] === byte);
  if (starts(0x1f, 0x8b, 0x08)) return 'gzip';
  if (starts(0x28, 0xb5, 0x2f, 0xfd)) return 'zstd';
  if (((head[0] ?? 0) & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18)
    return 'zstd';
  if (starts(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return 'xz';
  if (starts(0x42, 0x5a, 0x68)) return 'bzip2';
  return 'none';
}

/** The stream decompressed, if it is compressed. Memory is bounded; a broken or cut stream is `corrupt`. */
export async function* unpack(stream: ByteStream): AsyncGenerator<Uint8Array, void, void> {
  const { head, whole } = await peek(stream);
  const compression = compressionOf(head);
  if (compression === 'none') return yield* whole;
  const transform = decompressor(compression);
  const feeding = pipeline(
    Readable.from(whole, { objectMode: false, highWaterMark: chunkBytes }),
    transform,
    {
      end: true,
    },
  );
  // Its failure is seen by whoever reads the transform; without this line it would also be an unhandled one.
  feeding.catch(() => {});
  try {
    yield* transform as AsyncIterable<Uint8Array>;
  } catch (error) {
    if (error instanceof KraudError) throw error;
    throw new KraudError('corrupt', `invalid ${compression} data: ${messageOf(error)}`, { cause: error });
  } finally {
    transform.destroy();
  }
}

function decompressor(compression: Exclude<Compression, 'none'>): Duplex {
  if (compression === 'gzip') return createGunzip({ chunkSize: chunkBytes });
  if (compression === 'zstd')
    return createZstdDecompress({
      chunkSize: chunkBytes,
      params: { [constants.ZSTD_d_windowLogMax]: zstdWindowLogMax },
    });
  if (compression === 'xz') return program('xz', ['--decompress', '--stdout', '--memlimit=256MiB']);
  return program('bzip2', ['--decompress', '--stdout']);
}

/** No usable library exists for these two: Debian's own program, fed and read through pipes. */
function program(name: string, args: readonly string[]): Duplex {
  const child = spawn(name, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: '/usr/bin:/bin' },
    cwd: '/',
  });
  let complaint = '';
  child.stderr.on('data', (data: Buffer) => {
    complaint = (complaint + data.toString()).slice(0, 300);
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', (error) =>
      reject(
        isErrno(error, 'ENOENT')
          ? new KraudError('unsupported', `${name} is not installed, which this archive needs`)
          : error,
      ),
    );
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(complaint.trim() || `${name} failed`)),
    );
  });
  ended.catch(() => {});
  // What the child left unread doesn't matter: its exit code says whether the data was good.
  child.stdin.on('error', () => {});
  const output = Readable.from(
    (async function* () {
      try {
        yield* child.stdout as AsyncIterable<Uint8Array>;
        await ended;
      } finally {
        child.kill('SIGKILL');
      }
    })(),
  );
  return Duplex.from({ writable: child.stdin, readable: output });
}

/** The first bytes, and a stream that still has them. */
async function peek(stream: ByteStream): Promise<{ head: Uint8Array; whole: AsyncGenerator<Uint8Array> }> {
  const iterator = stream[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let length = 0;
  while (length < 6) {
    const next = await iterator.next();
    if (next.done) break;
    first.push(next.value);
    length += next.value.length;
  }
  const head = first.length === 1 && first[0] ? first[0] : Buffer.concat(first);
  async function* whole(): AsyncGenerator<Uint8Array> {
    try {
      if (head.length > 0) yield head;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { head, whole: whole() };
}
