/** What a tar entry makes. `link` is a hard link; device nodes are data here and never made on the host. */
export type EntryType = 'file' | 'link' | 'symlink' | 'char' | 'block' | 'dir' | 'fifo';

/** A stretch of a file's content: `length` bytes at `offset` in the file stand at `at` in the tar stream. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
  readonly at: number;
}

/**
 * One entry, with every long-name, PAX and sparse form already resolved. `path`, `linkPath` and the names
 * of `xattrs` hold one character per byte (latin1), so that names which aren't UTF-8 survive unchanged.
 * Nothing in it has been judged yet: paths are as the archive has them.
 */
export interface TarEntry {
  readonly type: EntryType;
  readonly path: string;
  readonly linkPath: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSec: number;
  readonly mtimeNsec: number;
  /** Of the content once unpacked; 0 for all but files. */
  readonly sizeBytes: number;
  /** Where the content is; holes of a sparse file are in none of them. Ordered, without overlap. */
  readonly extents: readonly Extent[];
  readonly devMajor: number;
  readonly devMinor: number;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}
