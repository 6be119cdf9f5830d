import type { FileHandle } from 'node:fs/promises';
import type { MergedTree, TreeNode } from './tree.ts';

/**
 * Writes one file system image into an open, empty file. Called as `start`, then for each regular file with
 * content, in any order, `write` (offsets ascending, holes left out) and `endFile`, then `finish`. `abort`
 * may come at any time instead, and ends whatever it started.
 */
export interface RootfsWriter {
  start(tree: MergedTree): Promise<void>;
  write(node: TreeNode, offset: number, chunk: Uint8Array): Promise<void>;
  endFile(node: TreeNode): Promise<void>;
  finish(): Promise<void>;
  abort(): Promise<void>;
}

/** A format's writer and the version of what it writes: a change makes every image anew. */
export interface RootfsBuilder {
  readonly version: number;
  create(file: FileHandle, path: string): RootfsWriter;
}
