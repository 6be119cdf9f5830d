import { createHash } from 'node:crypto';
import { KraudError, must } from '@kraud/base';
import type { ByteStream, Digest } from '../contract.ts';
import { finish } from '../digest.ts';
import type { ImageLimits } from '../limits.ts';
import type { EntryType, Extent, TarEntry } from '../tar/entry.ts';
import { show, TarReader } from '../tar/reader.ts';
import { splitPath } from './path.ts';

/**
 * One change that a layer makes: an entry to put there, or something of the layers below to hide:
 * `whiteout` hides what has its path, `opaque` all that is in the directory with its path.
 */
export interface LayerEntry {
  readonly type: EntryType | 'whiteout' | 'opaque';
  /** Normalised: components joined by `/`, none of them empty, `.` or `..`; `` is the root. One char per byte. */
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSec: number;
  readonly mtimeNsec: number;
  readonly sizeBytes: number;
  readonly extents: readonly Extent[];
  /** A symlink's text as it is, or a hard link's target, normalised. */
  readonly linkPath: string;
  readonly devMajor: number;
  readonly devMinor: number;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

/** What a layer holds, and where in its unpacked tar; enough to merge layers without reading them again. */
export interface LayerIndex {
  readonly diffId: Digest;
  /** Of the unpacked tar. */
  readonly tarBytes: number;
  /** Of all files' contents. */
  readonly contentBytes: number;
  /** In the archive's order. */
  readonly entries: readonly LayerEntry[];
}

const whiteoutPrefix = '.wh.';
const opaqueName = '.wh..wh..opq';
/** Other names that start so are notes of old AUFS layers to itself. */
const aufsPrefix = '.wh..wh.';

/**
 * Reads a whole layer (unpacked) and judges every entry: names that escape, links that point out, limits.
 * A layer that has an index is fit to be merged.
 */
export async function indexLayer(
  tar: ByteStream,
  options: { limits: ImageLimits; packedBytes: number; diffId?: Digest | undefined },
): Promise<LayerIndex> {
  const { limits, packedBytes, diffId } = options;
  // A blob that isn't packed has been hashed already.
  const hash = diffId === undefined ? createHash('sha256') : undefined;
  let tarBytes = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of tar) {
      tarBytes += chunk.length;
      checkBomb(tarBytes, packedBytes, limits);
      hash?.update(chunk);
      yield chunk;
    }
  }
  const reader = new TarReader(counted());
  const entries: LayerEntry[] = [];
  let contentBytes = 0;
  let nameBytes = 0;
  try {
    for (let raw = await reader.next(); raw; raw = await reader.next()) {
      const entry = judge(raw, limits);
      if (!entry) continue;
      entries.push(entry);
      contentBytes += entry.sizeBytes;
      nameBytes += entry.path.length + entry.linkPath.length + xattrBytes(entry);
      if (entries.length > limits.entriesMax)
        throw new KraudError('exhausted', `the layer has more than ${limits.entriesMax} entries`);
      if (nameBytes > limits.nameBytesMax)
        throw new KraudError('exhausted', `the layer's names take more than ${limits.nameBytesMax} bytes`);
      if (contentBytes > limits.unpackedBytesMax)
        throw new KraudError('exhausted', `the layer unpacks to more than ${limits.unpackedBytesMax} bytes`);
    }
  } finally {
    await reader.close();
  }
  return { diffId: diffId ?? finish(must(hash, 'one of the two')), tarBytes, contentBytes, entries };
}

function checkBomb(tarBytes: number, packedBytes: number, limits: ImageLimits): void {
  if (tarBytes > 2 * limits.unpackedBytesMax)
    throw new KraudError('exhausted', `the layer unpacks to more than ${2 * limits.unpackedBytesMax} bytes`);
  if (tarBytes > limits.ratioFreeBytes && tarBytes > packedBytes * limits.ratioMax)
    throw new KraudError('exhausted', `the layer unpacks to more than ${limits.ratioMax} times its size`);
}

/** Undefined for what means nothing outside the tool that wrote it. */
function judge(raw: TarEntry, limits: ImageLimits): LayerEntry | undefined {
  const parts = splitPath(raw.path, limits);
  const name = parts.at(-1) ?? '';
  const path = parts.join('/');
  if (parts.slice(0, -1).some((part) => part.startsWith(whiteoutPrefix))) {
    if (parts.some((part) => part.startsWith(aufsPrefix))) return undefined;
    throw new KraudError('corrupt', `a whiteout has something in it: ${show(raw.path)}`);
  }
  if (name.startsWith(whiteoutPrefix)) {
    const parent = parts.slice(0, -1).join('/');
    if (name === opaqueName) return hiding('opaque', parent);
    if (name.startsWith(aufsPrefix)) return undefined;
    const hidden = name.slice(whiteoutPrefix.length);
    if (hidden === '' || hidden === '.' || hidden === '..')
      throw new KraudError('corrupt', `a whiteout names nothing: ${show(raw.path)}`);
    return hiding('whiteout', parent === '' ? hidden : `${parent}/${hidden}`);
  }
  if (parts.length === 0 && raw.type !== 'dir')
    throw new KraudError('corrupt', `the image's root is not a directory but a ${raw.type}`);
  if (raw.sizeBytes > limits.fileBytesMax)
    throw new KraudError(
      'exhausted',
      `a file is larger than ${limits.fileBytesMax} bytes: ${show(raw.path)}`,
    );
  if (raw.uid > idMax || raw.gid > idMax)
    throw new KraudError('corrupt', `user or group id out of range: ${show(raw.path)}`);
  if (raw.devMajor > 0xfff || raw.devMinor > 0xfffff)
    throw new KraudError('corrupt', `device number out of range: ${show(raw.path)}`);
  const entry: LayerEntry = {
    type: raw.type,
    path,
    mode: raw.mode,
    uid: raw.uid,
    gid: raw.gid,
    mtimeSec: raw.mtimeSec,
    mtimeNsec: raw.mtimeNsec,
    sizeBytes: raw.sizeBytes,
    extents: raw.extents,
    linkPath: linkOf(raw, limits),
    devMajor: raw.devMajor,
    devMinor: raw.devMinor,
    xattrs: keptXattrs(raw),
  };
  if (xattrBytes(entry) > limits.xattrBytesMax)
    throw new KraudError(
      'exhausted',
      `extended attributes take more than ${limits.xattrBytesMax} bytes: ${show(raw.path)}`,
    );
  return entry;
}

/** -1 is `nobody chosen` to the kernel. */
const idMax = 0xfffffffe;

/** A symlink's text is data: it may say anything, and is only ever followed inside the image. */
function linkOf(raw: TarEntry, limits: ImageLimits): string {
  if (raw.type === 'symlink') {
    if (raw.linkPath === '' || raw.linkPath.includes('\0'))
      throw new KraudError('corrupt', `a symbolic link has no target: ${show(raw.path)}`);
    if (raw.linkPath.length > limits.symlinkBytesMax)
      throw new KraudError(
        'exhausted',
        `a symbolic link is longer than ${limits.symlinkBytesMax} bytes: ${show(raw.path)}`,
      );
    return raw.linkPath;
  }
  if (raw.type !== 'link') return '';
  try {
    return splitPath(raw.linkPath, limits).join('/');
  } catch (error) {
    if (!(error instanceof KraudError)) throw error;
    throw new KraudError(error.code, `hard link ${show(raw.path)}: ${error.message}`);
  }
}

/**
 * Those that mean something in the image. `trusted.overlay.*` would speak to the overlay file system of the
 * guest instead; other prefixes no Linux file system stores.
 */
function keptXattrs(raw: TarEntry): ReadonlyMap<string, Uint8Array> {
  if (raw.xattrs.size === 0) return raw.xattrs;
  return new Map(
    [...raw.xattrs].filter(
      ([name]) =>
        /^(user|trusted|security)\.[^\0]{1,250}$/.test(name) && !name.startsWith('trusted.overlay.'),
    ),
  );
}

function xattrBytes(entry: LayerEntry): number {
  let bytes = 0;
  for (const [name, value] of entry.xattrs) bytes += name.length + value.length;
  return bytes;
}

function hiding(type: 'whiteout' | 'opaque', path: string): LayerEntry {
  return { ...nothing, type, path };
}

const nothing = {
  mode: 0,
  uid: 0,
  gid: 0,
  mtimeSec: 0,
  mtimeNsec: 0,
  sizeBytes: 0,
  extents: [],
  linkPath: '',
  devMajor: 0,
  devMinor: 0,
  xattrs: new Map<string, Uint8Array>(),
};
