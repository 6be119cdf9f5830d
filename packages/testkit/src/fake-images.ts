import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KraudError } from '@kraud/base';
import type { ByteStream, Image, ImageId, Images, Rootfs } from '@kraud/images';
import { live } from './live.ts';

const unused = (): never => {
  throw new KraudError('unsupported', 'the fake images cannot do this');
};

/** Every image is there, and has an empty file as its root file system. */
export class FakeImages implements Images {
  readonly [live] = true;
  readonly #dir: string;
  readonly committed: string[] = [];
  rootfsFailure: unknown;

  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true });
  }

  async rootfs(id: ImageId): Promise<Rootfs> {
    if (this.rootfsFailure !== undefined) throw this.rootfsFailure;
    const key = id.slice(7);
    const path = join(this.#dir, `${key}.squashfs`);
    writeFileSync(path, '');
    return { key, path, format: 'squashfs', usedBytes: 0 };
  }

  async find(id: ImageId): Promise<Image> {
    return {
      id,
      document: { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } },
      manifestDigest: id,
      manifestMediaType: '',
      layers: [],
      sizeBytes: 1000,
      addedAtMs: 0,
    };
  }

  get = (id: ImageId): Promise<Image> => this.find(id);

  async commit(base: ImageId, layer: ByteStream): Promise<Image> {
    let text = '';
    for await (const chunk of layer) text += Buffer.from(chunk).toString();
    this.committed.push(text);
    return await this.find(base);
  }

  list = async () => [];
  withPrefix = async () => [];
  history = async () => [];
  children = async () => [];
  usage = async () => ({ images: [], layersBytes: 0, diskBytes: 0 });
  collect = async () => ({ reclaimedBytes: 0 });
  delete = async (id: ImageId) => ({ id, layers: [], reclaimedBytes: 0 });
  pull = unused;
  push = unused;
  login = unused;
  remote = unused;
  tags = unused;
  load = unused;
  save = unused;
  import = unused;
  manifest = unused;
  blob = unused;
  receive = unused;
}
