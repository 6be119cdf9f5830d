import { codeOf, KraudError } from '@kraud/base';
import type { ImageFacts } from '@kraud/host';
import type { Image } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import { familiarName, fullName, type ImageName, parseImageName } from './reference.ts';

/** Finds a tenant's images by what users write, and keeps the facts of the latest used ones at hand. */
export class ImageFinder {
  readonly #parts: CloudParts;
  readonly #facts = new Map<string, ImageFacts>();

  constructor(parts: CloudParts) {
    this.#parts = parts;
  }

  find(_caller: Caller, ref: string): Promise<Image> {
    return Promise.resolve(this.findNow(_caller, ref));
  }

  /** In Docker's order: a full id, a name, the beginning of an id. */
  findNow(caller: Caller, ref: string): Image {
    const images = this.#parts.images.list(caller.tenant);
    const hex = ref.replace(/^sha256:/, '');
    if (/^[0-9a-f]{64}$/.test(hex)) {
      const image = images.find((i) => i.spec.id === `sha256:${hex}`);
      if (image) return image;
    }
    const name = nameOf(ref);
    if (name) {
      const image = findByName(images, name);
      if (image) return image;
    }
    if (/^[0-9a-f]{1,63}$/.test(hex)) {
      const matches = images.filter((i) => i.spec.id.startsWith(`sha256:${hex}`));
      const [only] = matches;
      if (matches.length > 1) throw new KraudError('invalid', `multiple images match the prefix: ${ref}`);
      if (only) return only;
    }
    if (!name) parseImageName(ref);
    throw new KraudError('not-found', `No such image: ${name ? familiarName(fullName(name)) : ref}`);
  }

  /** Undefined for what isn't there. */
  findIfAny(caller: Caller, ref: string): Image | undefined {
    try {
      return this.findNow(caller, ref);
    } catch (error) {
      if (codeOf(error) === 'not-found') return undefined;
      throw error;
    }
  }

  async facts(id: string): Promise<ImageFacts> {
    const known = this.#facts.get(id);
    if (known) return known;
    const facts = await this.#parts.imageContent.facts(id);
    if (this.#facts.size >= this.#parts.limits.imageFactsCached) this.#facts.clear();
    this.#facts.set(id, facts);
    return facts;
  }

  /** What the store knows of it, when no host that has it can be asked. */
  async factsIfAny({ spec, meta, status }: Image): Promise<ImageFacts> {
    try {
      return await this.facts(spec.id);
    } catch (error) {
      if (codeOf(error) !== 'unavailable' && codeOf(error) !== 'not-found') throw error;
      return {
        ...noFacts,
        id: spec.id,
        createdAt: meta.createdAt,
        sizeBytes: status.sizeBytes,
      };
    }
  }

  forget(id: string): void {
    this.#facts.delete(id);
  }
}

/** Of an image of which nothing is known. */
export const noFacts: Omit<ImageFacts, 'id'> = {
  createdAt: new Date(0).toISOString(),
  author: '',
  comment: '',
  architecture: '',
  variant: '',
  os: 'linux',
  parentId: '',
  config: {},
  diffIds: [],
  sizeBytes: 0,
  history: [],
};

function nameOf(ref: string): ImageName | undefined {
  try {
    return parseImageName(ref);
  } catch {
    return undefined;
  }
}

function findByName(images: readonly Image[], name: ImageName): Image | undefined {
  if (name.digest !== undefined) {
    const full = `${name.repository}@${name.digest}`;
    return images.find(
      (i) =>
        i.spec.digests.includes(full) ||
        (i.spec.id === name.digest && i.spec.tags.some((tag) => tag.startsWith(`${name.repository}:`))),
    );
  }
  return images.find((i) => i.spec.tags.includes(fullName(name)));
}
