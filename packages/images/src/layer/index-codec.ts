import type { Digest } from '../contract.ts';
import { isDigest } from '../digest.ts';
import type { LayerEntry, LayerIndex } from './layer-index.ts';

/** Counts up when the meaning of a stored index changes; an older one is made again. */
const version = 1;
const endLine = 'end';

/**
 * A layer's index as lines of JSON: a head, one array for each entry, and `end`, so that a torn file shows.
 * It is a cache of what the layer says, so a reader that can't make sense of it returns undefined.
 */
export function encodeIndex(index: LayerIndex): string {
  const lines = [
    JSON.stringify({
      version,
      diffId: index.diffId,
      tarBytes: index.tarBytes,
      contentBytes: index.contentBytes,
    }),
  ];
  for (const entry of index.entries) lines.push(JSON.stringify(encodeEntry(entry)));
  lines.push(endLine, '');
  return lines.join('\n');
}

export function decodeIndex(text: string, diffId: Digest): LayerIndex | undefined {
  const lines = text.split('\n');
  if (lines.length < 3 || lines.at(-2) !== endLine) return undefined;
  try {
    const head = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
    if (head.version !== version || head.diffId !== diffId || !isDigest(head.diffId)) return undefined;
    return {
      diffId,
      tarBytes: Number(head.tarBytes),
      contentBytes: Number(head.contentBytes),
      entries: lines.slice(1, -2).map((line) => decodeEntry(JSON.parse(line) as StoredEntry)),
    };
  } catch {
    return undefined;
  }
}

type StoredEntry = [
  LayerEntry['type'],
  string,
  number,
  number,
  number,
  number,
  number,
  number,
  string,
  number,
  number,
  number[],
  [string, string][],
];

function encodeEntry(entry: LayerEntry): StoredEntry {
  return [
    entry.type,
    entry.path,
    entry.mode,
    entry.uid,
    entry.gid,
    entry.mtimeSec,
    entry.mtimeNsec,
    entry.sizeBytes,
    entry.linkPath,
    entry.devMajor,
    entry.devMinor,
    entry.extents.flatMap(({ offset, length, at }) => [offset, length, at]),
    [...entry.xattrs].map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
  ];
}

function decodeEntry(stored: StoredEntry): LayerEntry {
  const [
    type,
    path,
    mode,
    uid,
    gid,
    mtimeSec,
    mtimeNsec,
    sizeBytes,
    linkPath,
    devMajor,
    devMinor,
    flat,
    xattrs,
  ] = stored;
  const extents = [];
  for (let i = 0; i < flat.length; i += 3)
    extents.push({ offset: flat[i] ?? 0, length: flat[i + 1] ?? 0, at: flat[i + 2] ?? 0 });
  return {
    type,
    path,
    mode,
    uid,
    gid,
    mtimeSec,
    mtimeNsec,
    sizeBytes,
    extents,
    linkPath,
    devMajor,
    devMinor,
    xattrs: new Map(xattrs.map(([name, value]) => [name, Buffer.from(value, 'base64')])),
  };
}
