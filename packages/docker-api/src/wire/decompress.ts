import { PassThrough, pipeline, Readable, type Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { KraudError, messageOf } from '@kraud/base';

const magicBytes = 6;
/** Two blocks of zeros end an archive. */
const emptyTarBytes = 1024;
const bzip2 = Buffer.from('BZh');
const xz = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a]);
const gzip = Buffer.from([0x1f, 0x8b]);
const zstd = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/**
 * A tar that a client may have compressed, told by its first bytes. Nothing is unpacked faster than it is read. Where it
 * `mayBeEmpty`, no bytes at all are an archive without files.
 */
export async function decompress(
  source: Readable,
  { mayBeEmpty = false }: { mayBeEmpty?: boolean } = {},
): Promise<Readable> {
  const iterator: AsyncIterator<Buffer> = source[Symbol.asyncIterator]();
  const first: Buffer[] = [];
  let bytes = 0;
  let over = false;
  while (bytes < magicBytes && !over) {
    const next = await iterator.next();
    if (next.done) over = true;
    else {
      first.push(next.value);
      bytes += next.value.length;
    }
  }
  const head = bytes === 0 && mayBeEmpty ? Buffer.alloc(emptyTarBytes) : Buffer.concat(first);
  const whole = Readable.from(chain(head, iterator, over), { objectMode: false });
  const starts = (magic: Buffer): boolean => head.subarray(0, magic.length).equals(magic);
  if (starts(bzip2) || starts(xz)) {
    whole.destroy();
    throw new KraudError(
      'unsupported',
      `archives compressed with ${starts(xz) ? 'xz' : 'bzip2'} are not supported`,
    );
  }
  if (starts(gzip)) return through(whole, createGunzip());
  if (starts(zstd)) return through(whole, createZstdDecompress());
  return whole;
}

function through(source: Readable, decoder: Transform): Readable {
  const out = new PassThrough();
  decoder.on('error', (error: Error & { code?: string }) => {
    if (/^(Z_|ZSTD_)/.test(error.code ?? '')) {
      out.destroy(new KraudError('corrupt', `the archive can't be decompressed: ${messageOf(error)}`));
    }
  });
  pipeline(source, decoder, out, () => {});
  return out;
}

async function* chain(
  head: Buffer,
  rest: AsyncIterator<Buffer>,
  over: boolean,
): AsyncGenerator<Buffer, void, void> {
  try {
    if (head.length > 0) yield head;
    while (!over) {
      const next = await rest.next();
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await rest.return?.();
  }
}
