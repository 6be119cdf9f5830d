export interface TarItem {
  readonly name: string;
  readonly type?: 'file' | 'directory' | 'link' | 'symlink' | 'fifo';
  readonly body?: string;
  readonly linkname?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: Date;
}

const types = { file: '0', link: '1', symlink: '2', directory: '5', fifo: '6' } as const;

/** A small tar writer of the tests' own, so that it can write what a proper one refuses. */
export function tarOf(items: readonly TarItem[]): Buffer {
  const parts: Buffer[] = [];
  for (const item of items) {
    const body = Buffer.from(item.body ?? '');
    const header = Buffer.alloc(512);
    const octal = (value: number, at: number, length: number) =>
      header.write(value.toString(8).padStart(length - 1, '0'), at, 'latin1');
    header.write(item.name, 0, 100);
    octal(item.mode ?? 0o644, 100, 8);
    octal(item.uid ?? 0, 108, 8);
    octal(item.gid ?? 0, 116, 8);
    octal(body.length, 124, 12);
    octal(Math.floor((item.mtime?.getTime() ?? 0) / 1000), 136, 12);
    header.write('        ', 148, 'latin1');
    header.write(types[item.type ?? 'file'], 156, 'latin1');
    header.write(item.linkname ?? '', 157, 100);
    header.write('ustar\0' + '00', 257, 'latin1');
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    parts.push(header, body, Buffer.alloc((512 - (body.length % 512)) % 512));
  }
  parts.push(Buffer.alloc(1024));
  return Buffer.concat(parts);
}
