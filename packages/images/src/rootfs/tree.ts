import { assert, KraudError } from '@kraud/base';
import type { LayerEntry, LayerIndex } from '../layer/layer-index.ts';
import type { ImageLimits } from '../limits.ts';
import type { Extent } from '../tar/entry.ts';
import { show } from '../tar/reader.ts';

/** A file, directory, link or node of the merged image. Two names of one node are hard links. */
export interface TreeNode {
  readonly type: 'file' | 'symlink' | 'char' | 'block' | 'dir' | 'fifo';
  mode: number;
  uid: number;
  gid: number;
  mtimeSec: number;
  mtimeNsec: number;
  xattrs: ReadonlyMap<string, Uint8Array>;
  readonly sizeBytes: number;
  /** Where the content is, in the unpacked tar of the layer with this number. */
  readonly layer: number;
  readonly extents: readonly Extent[];
  /** A symlink's text. */
  readonly linkPath: string;
  readonly devMajor: number;
  readonly devMinor: number;
  /** Of a directory, else empty. */
  readonly children: Map<string, TreeNode>;
}

const hopsMax = 40;
const noChildren: Map<string, TreeNode> = new Map();

/**
 * The layers of an image laid over each other, lowest first, entirely in memory: nothing is ever looked up on
 * the host. Whiteouts hide what lies below, wherever in their layer they stand; otherwise the last entry of a
 * name wins. A path that leads through a symbolic link is followed inside the image, with its root as `/`.
 */
export class MergedTree {
  readonly root: TreeNode = directory();
  readonly #limits: ImageLimits;
  #layers = 0;
  #entries = 0;

  constructor(limits: ImageLimits) {
    this.#limits = limits;
  }

  apply(index: LayerIndex): void {
    const layer = this.#layers;
    this.#layers += 1;
    for (const entry of index.entries) {
      if (entry.type === 'opaque') this.#lookup(entry.path)?.children.clear();
      if (entry.type === 'whiteout') this.#hide(entry.path);
    }
    for (const entry of index.entries) {
      if (entry.type === 'opaque' || entry.type === 'whiteout') continue;
      this.#count();
      this.#put(entry, layer);
    }
  }

  /** Every node once, with the first of its names; directories before what is in them, names in byte order. */
  *walk(): Generator<{ path: string; node: TreeNode; again: string | undefined }> {
    const seen = new Map<TreeNode, string>();
    const stack: [string, TreeNode][] = [['', this.root]];
    for (let top = stack.pop(); top; top = stack.pop()) {
      const [path, node] = top;
      const again = seen.get(node);
      yield { path, node, again };
      if (again === undefined) seen.set(node, path);
      const names = [...node.children.keys()].sort(byBytes).reverse();
      for (const name of names) {
        const child = node.children.get(name);
        if (child) stack.push([path === '' ? name : `${path}/${name}`, child]);
      }
    }
  }

  #count(): void {
    this.#entries += 1;
    if (this.#entries > this.#limits.entriesMax)
      throw new KraudError('exhausted', `the image has more than ${this.#limits.entriesMax} entries`);
  }

  #put(entry: LayerEntry, layer: number): void {
    if (entry.path === '') {
      update(this.root, entry);
      return;
    }
    const { parent, name } = this.#parentOf(entry.path);
    const before = parent.children.get(name);
    if (entry.type === 'link') {
      const target = this.#linkTarget(entry);
      if (target !== before) parent.children.set(name, target);
      return;
    }
    if (entry.type === 'dir' && before?.type === 'dir') {
      update(before, entry);
      return;
    }
    assert(entry.type !== 'opaque' && entry.type !== 'whiteout', 'whiteouts are applied first');
    parent.children.set(name, {
      type: entry.type,
      mode: entry.mode,
      uid: entry.uid,
      gid: entry.gid,
      mtimeSec: entry.mtimeSec,
      mtimeNsec: entry.mtimeNsec,
      xattrs: entry.xattrs,
      sizeBytes: entry.sizeBytes,
      layer,
      extents: entry.extents,
      linkPath: entry.linkPath,
      devMajor: entry.devMajor,
      devMinor: entry.devMinor,
      children: entry.type === 'dir' ? new Map() : noChildren,
    });
  }

  /** As link(2): the last component is not followed. */
  #linkTarget(entry: LayerEntry): TreeNode {
    const { parent, name } = this.#parentOf(entry.linkPath);
    const target = entry.linkPath === '' ? this.root : parent.children.get(name);
    if (!target)
      throw new KraudError(
        'corrupt',
        `hard link ${show(entry.path)}: its target ${show(entry.linkPath)} is not in the image`,
      );
    if (target.type === 'dir')
      throw new KraudError(
        'corrupt',
        `hard link ${show(entry.path)}: its target ${show(entry.linkPath)} is a directory`,
      );
    return target;
  }

  #hide(path: string): void {
    const slash = path.lastIndexOf('/');
    this.#lookup(slash < 0 ? '' : path.slice(0, slash))?.children.delete(path.slice(slash + 1));
  }

  /** The directory at `path`, following links, if there is one. */
  #lookup(path: string): TreeNode | undefined {
    return this.#descend(path, 'look');
  }

  #parentOf(path: string): { parent: TreeNode; name: string } {
    const slash = path.lastIndexOf('/');
    const parent = this.#descend(slash < 0 ? '' : path.slice(0, slash), 'make');
    assert(parent !== undefined, 'a parent is made if it is missing');
    return { parent, name: path.slice(slash + 1) };
  }

  #descend(path: string, missing: 'look' | 'make'): TreeNode | undefined {
    const way: TreeNode[] = [this.root];
    const todo = path === '' ? [] : path.split('/').reverse();
    let hops = 0;
    for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
      if (part === '' || part === '.') continue;
      if (part === '..') {
        if (way.length > 1) way.pop();
        continue;
      }
      const here = way.at(-1) ?? this.root;
      if (way.length > this.#limits.pathDepthMax)
        throw new KraudError(
          'exhausted',
          `${show(path)} is deeper than ${this.#limits.pathDepthMax} directories`,
        );
      const next = here.children.get(part);
      if (next?.type === 'dir') way.push(next);
      else if (next?.type === 'symlink') {
        hops += 1;
        if (hops > hopsMax)
          throw new KraudError('corrupt', `too many symbolic links on the way to ${show(path)}`);
        if (next.linkPath.startsWith('/')) way.length = 1;
        todo.push(...next.linkPath.split('/').reverse());
      } else if (missing === 'look') return undefined;
      else if (next)
        throw new KraudError('corrupt', `${show(path)} leads through something that is not a directory`);
      else {
        const made = directory();
        here.children.set(part, made);
        this.#count();
        way.push(made);
      }
    }
    return way.at(-1);
  }
}

/** Latin1 strings compare as their bytes do. */
export function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function directory(): TreeNode {
  return {
    type: 'dir',
    mode: 0o755,
    uid: 0,
    gid: 0,
    mtimeSec: 0,
    mtimeNsec: 0,
    xattrs: new Map(),
    sizeBytes: 0,
    layer: 0,
    extents: [],
    linkPath: '',
    devMajor: 0,
    devMinor: 0,
    children: new Map(),
  };
}

function update(dir: TreeNode, entry: LayerEntry): void {
  dir.mode = entry.mode;
  dir.uid = entry.uid;
  dir.gid = entry.gid;
  dir.mtimeSec = entry.mtimeSec;
  dir.mtimeNsec = entry.mtimeNsec;
  dir.xattrs = entry.xattrs;
}
