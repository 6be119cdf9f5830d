import { encodeHeader, type HeaderFields, padding, tarEnd } from '../tar/writer.ts';

export type MadeEntry = Partial<HeaderFields> & {
  readonly path: string;
  readonly content?: string | Uint8Array;
};

/** A tar from a few words: `{ path: 'a/b', content: 'text' }` is a file, `{ path: 'a/' }` a directory. */
export function makeTar(...entries: readonly MadeEntry[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const { content, ...fields } of entries) {
    const bytes = Buffer.from(content ?? '');
    const type =
      fields.type ?? (fields.path.endsWith('/') ? 'dir' : fields.linkPath === undefined ? 'file' : 'symlink');
    const mode = fields.mode ?? (type === 'dir' ? 0o755 : 0o644);
    parts.push(
      encodeHeader({ ...fields, type, mode, sizeBytes: bytes.length }),
      bytes,
      padding(bytes.length),
    );
  }
  parts.push(tarEnd);
  return Buffer.concat(parts);
}

/** In pieces of odd sizes, since streams come in any. */
export async function* pieces(bytes: Uint8Array, size = 1_000): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}
