import { codeOf, KeyedLock, newId } from '@kraud/base';
import { defaultNamespace, type Image, type ResourceKey } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';

/**
 * A tenant's names for images. A tag belongs to one image at a time: it is taken from the old one before the
 * new one gets it, under one lock, so that a reader sees it at most once.
 */
export class ImageNames {
  readonly #parts: CloudParts;
  readonly #lock = new KeyedLock();

  constructor(parts: CloudParts) {
    this.#parts = parts;
  }

  key(caller: Caller, id: string): ResourceKey {
    return { tenant: caller.tenant, namespace: defaultNamespace, name: id };
  }

  /** The tenant has this image from now on, with these names added. */
  async add(
    caller: Caller,
    id: string,
    sizeBytes: number,
    names: { tags?: readonly string[]; digests?: readonly string[] },
  ): Promise<Image> {
    return await this.#lock.run(caller.tenant, async () => {
      const tags = names.tags ?? [];
      const digests = names.digests ?? [];
      const now = new Date(this.#parts.clock.now()).toISOString();
      for (const other of this.#parts.images.list(caller.tenant)) {
        if (other.spec.id === id || !other.spec.tags.some((tag) => tags.includes(tag))) continue;
        await this.#parts.images.mutate(other.meta, (image) => ({
          ...image,
          spec: { ...image.spec, tags: image.spec.tags.filter((tag) => !tags.includes(tag)) },
        }));
      }
      const merge = (image: Image): Image => ({
        ...image,
        spec: {
          ...image.spec,
          tags: [...new Set([...image.spec.tags, ...tags])],
          digests: [...new Set([...image.spec.digests, ...digests])],
        },
        status: { ...image.status, ...(tags.length > 0 ? { lastTaggedAt: now } : {}) },
      });
      const key = this.key(caller, id);
      if (this.#parts.images.get(key)) return await this.#parts.images.mutate(key, merge);
      const fresh: Image = {
        kind: 'Image',
        meta: {
          uid: newId(this.#parts.random),
          ...key,
          labels: {},
          annotations: {},
          generation: 1,
          finalizers: [],
          createdAt: now,
        },
        spec: { id, tags: [], digests: [] },
        status: { sizeBytes },
        given: {},
      };
      try {
        return await this.#parts.images.create(merge(fresh));
      } catch (error) {
        if (codeOf(error) !== 'exists') throw error;
        return await this.#parts.images.mutate(key, merge);
      }
    });
  }

  /** Takes names away; what is left may be none. */
  async take(caller: Caller, id: string, gone: (name: string) => boolean): Promise<Image> {
    return await this.#lock.run(caller.tenant, () =>
      this.#parts.images.mutate(this.key(caller, id), (image) => ({
        ...image,
        spec: {
          ...image.spec,
          tags: image.spec.tags.filter((tag) => !gone(tag)),
          digests: image.spec.digests.filter((digest) => !gone(digest)),
        },
      })),
    );
  }
}
