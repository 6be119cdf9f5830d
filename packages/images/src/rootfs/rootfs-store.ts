import { createHash } from 'node:crypto';
import { statSync, unlinkSync } from 'node:fs';
import { chmod, mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, KeyedLock, KraudError } from '@kraud/base';
import type { ByteStream, Digest, Rootfs, RootfsFormat } from '../contract.ts';
import type { LayerIndex } from '../layer/layer-index.ts';
import { type ImageLimits, imageDiskBytes } from '../limits.ts';
import type { AtomicFiles } from '../store/files.ts';
import { writeContents } from './contents.ts';
import { erofs } from './erofs.ts';
import { squashfs } from './squashfs.ts';
import { MergedTree } from './tree.ts';
import type { RootfsBuilder } from './writer.ts';

const builders: Record<RootfsFormat, RootfsBuilder> = { squashfs, erofs };

/** The layers of one image, lowest first: their indexes, and their unpacked tars when asked for. */
export interface LayerSource {
  readonly diffIds: readonly Digest[];
  index(layer: number): Promise<LayerIndex>;
  open(layer: number): ByteStream;
}

/**
 * The merged root file systems, one read-only file for each distinct stack of layers. A file that has its
 * name is whole and was flushed; it is made once, however many ask for it at the same time.
 */
export class RootfsStore {
  readonly #dir: string;
  readonly #files: AtomicFiles;
  readonly #limits: ImageLimits;
  readonly #format: RootfsFormat;
  readonly #making = new KeyedLock();

  private constructor(dir: string, files: AtomicFiles, limits: ImageLimits, format: RootfsFormat) {
    this.#dir = dir;
    this.#files = files;
    this.#limits = limits;
    this.#format = format;
  }

  static async open(
    dir: string,
    options: { files: AtomicFiles; limits: ImageLimits; format: RootfsFormat },
  ): Promise<RootfsStore> {
    const rootfsDir = join(dir, 'rootfs');
    await mkdir(rootfsDir, { recursive: true, mode: 0o700 });
    return new RootfsStore(rootfsDir, options.files, options.limits, options.format);
  }

  keyOf(diffIds: readonly Digest[]): string {
    const version = builders[this.#format].version;
    return createHash('sha256')
      .update(JSON.stringify([this.#format, version, diffIds]))
      .digest('hex');
  }

  async get(source: LayerSource): Promise<Rootfs> {
    const key = this.keyOf(source.diffIds);
    return await this.#making.run(key, async () => {
      return (await this.#find(key)) ?? (await this.#make(key, source));
    });
  }

  /** Fails as `get` would for what is wrong with the layers, without writing anything. */
  async check(source: LayerSource): Promise<void> {
    if (!(await this.#find(this.keyOf(source.diffIds)))) await this.#merge(source);
  }

  /** Removes all but these keys. */
  async sweep(isNeeded: (key: string) => boolean): Promise<{ reclaimedBytes: number }> {
    let reclaimedBytes = 0;
    for (const name of await readdir(this.#dir)) {
      const key = name.split('.', 1)[0] ?? '';
      await this.#making.run(key, async () => {
        // Asked and done in one step of the event loop, so that nobody can begin to need it in between.
        if (isNeeded(key)) return;
        const path = join(this.#dir, name);
        reclaimedBytes += statSync(path).blocks * 512;
        unlinkSync(path);
      });
    }
    return { reclaimedBytes };
  }

  async totalBytes(): Promise<number> {
    let bytes = 0;
    for (const name of await readdir(this.#dir)) bytes += (await stat(join(this.#dir, name))).blocks * 512;
    return bytes;
  }

  async #find(key: string): Promise<Rootfs | undefined> {
    const path = this.#path(key);
    try {
      return { key, path, format: this.#format, usedBytes: (await stat(path)).blocks * 512 };
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  async #make(key: string, source: LayerSource): Promise<Rootfs> {
    const tree = await this.#merge(source);
    await this.#files.write('making a root file system', async (file, path) => {
      const writer = builders[this.#format].create(file, path);
      try {
        await writer.start(tree);
        await writeContents(tree, (layer) => source.open(layer), writer);
        await writer.finish();
      } catch (error) {
        await writer.abort();
        throw error;
      }
      if ((await file.stat()).size > imageDiskBytes)
        throw new KraudError('exhausted', `the image needs more than ${imageDiskBytes} bytes`);
      await file.truncate(imageDiskBytes);
      await chmod(path, 0o444);
      await this.#files.place(file, path, this.#path(key));
    });
    const made = await this.#find(key);
    if (!made) throw new KraudError('internal', `root file system ${key} vanished`);
    return made;
  }

  async #merge(source: LayerSource): Promise<MergedTree> {
    const tree = new MergedTree(this.#limits);
    for (let layer = 0; layer < source.diffIds.length; layer += 1) tree.apply(await source.index(layer));
    let contentBytes = 0;
    for (const { node, again } of tree.walk()) if (again === undefined) contentBytes += node.sizeBytes;
    if (contentBytes > this.#limits.unpackedBytesMax)
      throw new KraudError(
        'exhausted',
        `the image unpacks to more than ${this.#limits.unpackedBytesMax} bytes`,
      );
    return tree;
  }

  #path(key: string): string {
    return join(this.#dir, `${key}.${this.#format}`);
  }
}
