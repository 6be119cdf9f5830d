import type { EntryType } from './entry.ts';
import { blockBytes } from './header.ts';

/** What one header says; strings are latin1, one character per byte. */
export interface HeaderFields {
  readonly type: EntryType;
  readonly path: string;
  readonly linkPath?: string;
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtimeSec?: number;
  readonly sizeBytes?: number;
  readonly devMajor?: number;
  readonly devMinor?: number;
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
}

const flags: Record<EntryType, string> = {
  file: '0',
  link: '1',
  symlink: '2',
  char: '3',
  block: '4',
  dir: '5',
  fifo: '6',
};

/** Two blocks of zeros. */
export const tarEnd: Uint8Array = Buffer.alloc(2 * blockBytes);

/** The header of one entry, ustar where it fits, with a PAX header before it for what doesn't. */
export function encodeHeader(fields: HeaderFields): Buffer {
  const records: Buffer[] = [];
  const size = fields.sizeBytes ?? 0;
  const link = fields.linkPath ?? '';
  const mtime = fields.mtimeSec ?? 0;
  const uid = fields.uid ?? 0;
  const gid = fields.gid ?? 0;
  if (fields.path.length > 100) records.push(record('path', fields.path));
  if (link.length > 100) records.push(record('linkpath', link));
  if (size > 0o77777777777) records.push(record('size', String(size)));
  if (uid > 0o7777777) records.push(record('uid', String(uid)));
  if (gid > 0o7777777) records.push(record('gid', String(gid)));
  if (mtime < 0 || mtime > 0o77777777777) records.push(record('mtime', String(mtime)));
  for (const [name, value] of fields.xattrs ?? []) records.push(record(`SCHILY.xattr.${name}`, value));
  const main = block({
    name: fields.path,
    flag: flags[fields.type],
    link,
    mode: fields.mode,
    uid: uid > 0o7777777 ? 0 : uid,
    gid: gid > 0o7777777 ? 0 : gid,
    size: size > 0o77777777777 ? 0 : size,
    mtime: mtime < 0 || mtime > 0o77777777777 ? 0 : mtime,
    major: fields.devMajor ?? 0,
    minor: fields.devMinor ?? 0,
  });
  if (records.length === 0) return main;
  const data = Buffer.concat(records);
  const pax = block({ ...blank, name: 'pax', flag: 'x', mode: 0o644, size: data.length });
  return Buffer.concat([pax, data, padding(data.length), main]);
}

/** Zeros from `sizeBytes` up to the next block. */
export function padding(sizeBytes: number): Buffer {
  return Buffer.alloc((blockBytes - (sizeBytes % blockBytes)) % blockBytes);
}

const blank = { link: '', mode: 0, uid: 0, gid: 0, mtime: 0, major: 0, minor: 0 };

interface BlockFields {
  name: string;
  flag: string;
  link: string;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtime: number;
  major: number;
  minor: number;
}

function block(fields: BlockFields): Buffer {
  const bytes = Buffer.alloc(blockBytes);
  bytes.write(fields.name.slice(0, 100), 0, 'latin1');
  octal(bytes, 100, 8, fields.mode);
  octal(bytes, 108, 8, fields.uid);
  octal(bytes, 116, 8, fields.gid);
  octal(bytes, 124, 12, fields.size);
  octal(bytes, 136, 12, fields.mtime);
  bytes.write(fields.flag, 156, 'latin1');
  bytes.write(fields.link.slice(0, 100), 157, 'latin1');
  bytes.write('ustar\u000000', 257, 'latin1');
  octal(bytes, 329, 8, fields.major);
  octal(bytes, 337, 8, fields.minor);
  bytes.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of bytes) sum += byte;
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return bytes;
}

function octal(bytes: Buffer, start: number, length: number, value: number): void {
  bytes.write(value.toString(8).padStart(length - 1, '0'), start, 'latin1');
}

/** The length counts itself, so a digit more may be needed. */
function record(key: string, value: string | Uint8Array): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`, 'latin1'), asBytes(value), Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function asBytes(value: string | Uint8Array): Uint8Array {
  return typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
}
