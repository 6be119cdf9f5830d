import type { FileHandle } from 'node:fs/promises';
import { KraudError, must } from '@kraud/base';
import { imageDiskBytes } from '../limits.ts';
import { blockBytes, ErofsLayout, inodeBytes, type Placed, slotBytes, superOffset } from './erofs-layout.ts';
import { PositionedFile } from './positioned-file.ts';
import type { MergedTree, TreeNode } from './tree.ts';
import type { RootfsBuilder, RootfsWriter } from './writer.ts';

const magic = 0xe0f5e1e2;
/** Inodes carry the time of modification, not of change. */
const compatMtime = 2;
const extended = 1;
const flatPlain = 0;
const flatInline = 2;

const modes: Record<TreeNode['type'], number> = {
  file: 0o100000,
  dir: 0o040000,
  symlink: 0o120000,
  char: 0o020000,
  block: 0o060000,
  fifo: 0o010000,
};
const direntTypes: Record<TreeNode['type'], number> = {
  file: 1,
  dir: 2,
  char: 3,
  block: 4,
  fifo: 5,
  symlink: 7,
};
const xattrPrefixes: Record<string, number> = { 'user.': 1, 'trusted.': 4, 'security.': 6 };

/**
 * EROFS, uncompressed, written here: the kernel maps file contents straight from the disk's pages. Only the
 * oldest parts of the format are used (extended inodes, flat contents, inline directories, attributes beside
 * their inode), which every kernel since 5.4 reads.
 */
class ErofsWriter implements RootfsWriter {
  readonly #file: PositionedFile;
  #layout: ErofsLayout | undefined;

  constructor(file: FileHandle) {
    this.#file = new PositionedFile(file);
  }

  async start(tree: MergedTree): Promise<void> {
    const layout = new ErofsLayout(tree);
    if (layout.sizeBytes > imageDiskBytes)
      throw new KraudError('exhausted', `the image needs more than ${imageDiskBytes} bytes`);
    this.#layout = layout;
    const root = must(layout.placed.get(tree.root), 'the root has a place');
    await this.#file.write(superOffset, superblock(layout, root));
    let number = 0;
    for (const item of layout.placed.values()) {
      number += 1;
      await this.#file.write(item.inodeAt, inode(item, number));
      if (item.xattrBytes > 0) await this.#file.write(item.inodeAt + inodeBytes, xattrs(item));
      if (item.inline) await this.#file.write(item.dataAt, content(item, layout));
    }
    for (const item of layout.placed.values()) {
      if (item.inline || (item.node.type !== 'dir' && item.node.type !== 'symlink')) continue;
      await this.#file.write(item.dataAt, content(item, layout));
    }
  }

  async write(node: TreeNode, offset: number, chunk: Uint8Array): Promise<void> {
    const item = must(this.#layout?.placed.get(node), 'every file has a place');
    await this.#file.write(item.dataAt + offset, chunk);
  }

  async endFile(): Promise<void> {}

  async finish(): Promise<void> {
    await this.#file.flush();
  }

  async abort(): Promise<void> {}
}

export const erofs: RootfsBuilder = {
  version: 1,
  create: (file) => new ErofsWriter(file),
};

function superblock(layout: ErofsLayout, root: Placed): Buffer {
  const bytes = Buffer.alloc(128);
  bytes.writeUInt32LE(magic, 0);
  bytes.writeUInt32LE(compatMtime, 8);
  bytes.writeUInt8(Math.log2(blockBytes), 12);
  bytes.writeUInt16LE(nid(root), 14);
  bytes.writeBigUInt64LE(BigInt(layout.placed.size), 16);
  bytes.writeUInt32LE(layout.sizeBytes / blockBytes, 36);
  return bytes;
}

function inode(item: Placed, number: number): Buffer {
  const { node } = item;
  const bytes = Buffer.alloc(inodeBytes);
  bytes.writeUInt16LE(extended | ((item.inline ? flatInline : flatPlain) << 1), 0);
  // The header counts as one, the attributes in units of four bytes.
  bytes.writeUInt16LE(item.xattrBytes === 0 ? 0 : 1 + (item.xattrBytes - 12) / 4, 2);
  bytes.writeUInt16LE(modes[node.type] | node.mode, 4);
  bytes.writeBigUInt64LE(BigInt(item.sizeBytes), 8);
  bytes.writeUInt32LE(where(item), 16);
  bytes.writeUInt32LE(number, 20);
  bytes.writeUInt32LE(node.uid, 24);
  bytes.writeUInt32LE(node.gid, 28);
  bytes.writeBigInt64LE(BigInt(node.mtimeSec), 32);
  bytes.writeUInt32LE(node.mtimeNsec, 40);
  bytes.writeUInt32LE(item.links, 44);
  return bytes;
}

/** The content's first block, or a device's number as the kernel encodes it. */
function where(item: Placed): number {
  const { node } = item;
  if (node.type === 'char' || node.type === 'block')
    return ((node.devMinor & 0xff) | (node.devMajor << 8) | ((node.devMinor & ~0xff) << 12)) >>> 0;
  return item.inline || item.sizeBytes === 0 ? 0 : item.dataAt / blockBytes;
}

function xattrs(item: Placed): Buffer {
  const bytes = Buffer.alloc(item.xattrBytes);
  let at = 12;
  for (const [name, value] of item.node.xattrs) {
    const dot = name.indexOf('.') + 1;
    const rest = name.slice(dot);
    bytes.writeUInt8(rest.length, at);
    bytes.writeUInt8(must(xattrPrefixes[name.slice(0, dot)], 'other prefixes were dropped'), at + 1);
    bytes.writeUInt16LE(value.length, at + 2);
    bytes.write(rest, at + 4, 'latin1');
    bytes.set(value, at + 4 + rest.length);
    at += Math.ceil((4 + rest.length + value.length) / 4) * 4;
  }
  return bytes;
}

function content(item: Placed, layout: ErofsLayout): Buffer {
  if (item.node.type === 'symlink') return Buffer.from(item.node.linkPath, 'latin1');
  const bytes = Buffer.alloc(item.sizeBytes);
  for (const [i, names] of item.blocks.entries()) {
    const start = i * blockBytes;
    let nameAt = names.length * 12;
    for (const [j, name] of names.entries()) {
      const node = name === '.' ? item.node : name === '..' ? item.parent : item.node.children.get(name);
      const target = must(node && layout.placed.get(node), 'every entry has a place');
      const at = start + 12 * j;
      bytes.writeBigUInt64LE(BigInt(nid(target)), at);
      bytes.writeUInt16LE(nameAt, at + 8);
      bytes.writeUInt8(direntTypes[target.node.type], at + 10);
      bytes.write(name, start + nameAt, 'latin1');
      nameAt += name.length;
    }
  }
  return bytes;
}

function nid(item: Placed): number {
  return item.inodeAt / slotBytes;
}
