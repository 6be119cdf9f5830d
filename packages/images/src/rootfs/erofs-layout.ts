import { visibleFiles } from './contents.ts';
import { byBytes, type MergedTree, type TreeNode } from './tree.ts';

export const blockBytes = 4_096;
export const slotBytes = 32;
export const superOffset = 1_024;
export const inodeBytes = 64;
const superBytes = 128;
const direntBytes = 12;

/** Where one node's inode is, and its content. `inline` content follows the inode and its attributes. */
export interface Placed {
  readonly node: TreeNode;
  readonly path: string;
  readonly parent: TreeNode;
  readonly xattrBytes: number;
  /** Of a directory: its entries, block by block. */
  readonly blocks: readonly (readonly string[])[];
  readonly sizeBytes: number;
  readonly inline: boolean;
  links: number;
  inodeAt: number;
  dataAt: number;
}

/**
 * Decides where everything goes before anything is written: superblock, then all inodes in the order of a
 * walk (so that a path's inodes are near each other), then large directories, then the contents of files in the
 * order in which the layers have them. Everything is thus written once, front to back.
 */
export class ErofsLayout {
  readonly placed: ReadonlyMap<TreeNode, Placed>;
  readonly sizeBytes: number;

  constructor(tree: MergedTree) {
    const placed = new Map<TreeNode, Placed>();
    const parents = new Map<TreeNode, TreeNode>([[tree.root, tree.root]]);
    for (const { path, node, again } of tree.walk()) {
      const known = placed.get(node);
      if (again !== undefined && known) {
        known.links += 1;
        continue;
      }
      for (const child of node.children.values()) if (child.type === 'dir') parents.set(child, node);
      placed.set(node, place(node, path, parents.get(node) ?? tree.root));
    }
    this.placed = placed;
    let end = superOffset + superBytes;
    for (const item of placed.values()) {
      // What is inline must not cross a block's end, and an inode is easier to read if it doesn't either.
      const needed = inodeBytes + (item.inline ? item.xattrBytes + item.sizeBytes : 0);
      if ((end % blockBytes) + needed > blockBytes) end = up(end, blockBytes);
      item.inodeAt = end;
      item.dataAt = end + inodeBytes + item.xattrBytes;
      end = up(end + inodeBytes + item.xattrBytes + (item.inline ? item.sizeBytes : 0), slotBytes);
    }
    end = up(end, blockBytes);
    for (const item of placed.values()) {
      if (item.inline || (item.node.type !== 'dir' && item.node.type !== 'symlink')) continue;
      item.dataAt = end;
      end = up(end + item.sizeBytes, blockBytes);
    }
    for (const nodes of visibleFiles(tree).values()) {
      for (const node of nodes) {
        const item = placed.get(node);
        if (!item) continue;
        item.dataAt = end;
        end = up(end + node.sizeBytes, blockBytes);
      }
    }
    // Files that are one hole share nothing with others but need addresses too.
    for (const item of placed.values()) {
      if (item.node.type !== 'file' || item.node.extents.length > 0 || item.sizeBytes === 0) continue;
      item.dataAt = end;
      end = up(end + item.sizeBytes, blockBytes);
    }
    this.sizeBytes = end;
  }
}

function place(node: TreeNode, path: string, parent: TreeNode): Placed {
  const blocks = node.type === 'dir' ? entryBlocks(node) : [];
  const sizeBytes =
    node.type === 'dir'
      ? (blocks.length - 1) * blockBytes + blockLength(blocks.at(-1) ?? [])
      : node.type === 'symlink'
        ? node.linkPath.length
        : node.sizeBytes;
  const xattrBytes = xattrLength(node.xattrs);
  const canInline = node.type === 'dir' || node.type === 'symlink';
  const links =
    node.type === 'dir' ? 2 + [...node.children.values()].filter(({ type }) => type === 'dir').length : 1;
  return {
    node,
    path,
    parent,
    xattrBytes,
    blocks,
    sizeBytes,
    inline: canInline && inodeBytes + xattrBytes + sizeBytes <= blockBytes,
    links,
    inodeAt: 0,
    dataAt: 0,
  };
}

/** Names in byte order, `.` and `..` among them, as many in each block as fit. */
function entryBlocks(node: TreeNode): string[][] {
  const names = ['.', '..', ...node.children.keys()].sort(byBytes);
  const blocks: string[][] = [[]];
  let length = 0;
  for (const name of names) {
    const needed = direntBytes + name.length;
    if (length + needed > blockBytes) {
      blocks.push([]);
      length = 0;
    }
    blocks.at(-1)?.push(name);
    length += needed;
  }
  return blocks;
}

export function blockLength(names: readonly string[]): number {
  return names.reduce((sum, name) => sum + direntBytes + name.length, 0);
}

/** The header and each attribute, padded to four bytes; nothing at all if there are none. */
function xattrLength(xattrs: ReadonlyMap<string, Uint8Array>): number {
  let length = 12;
  for (const [name, value] of xattrs)
    length += up(4 + name.slice(name.indexOf('.') + 1).length + value.length, 4);
  return xattrs.size === 0 ? 0 : length;
}

export function up(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
