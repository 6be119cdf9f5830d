import type { Readable } from 'node:stream';
import { KraudError } from '@kraud/base';
import type { Progress, RegistryAuth } from '@kraud/host';
import type { Caller, Images, ImageView } from '../contract.ts';
import type { EventRecorder } from '../events.ts';
import type { CloudParts } from '../parts.ts';
import type { ImageFinder } from './find.ts';
import type { ImageNames } from './names.ts';
import { familiarName, fullName, parseImageName } from './reference.ts';
import { deleteImage, imageUsers, type Removed, removeImage } from './remove.ts';

/** Images by name: which tenant has which image under which names. Content is the host's business. */
export class ImageUseCases implements Images {
  readonly #parts: CloudParts;
  readonly #finder: ImageFinder;
  readonly #names: ImageNames;
  readonly #events: EventRecorder;

  constructor(parts: CloudParts, finder: ImageFinder, names: ImageNames, events: EventRecorder) {
    this.#parts = parts;
    this.#finder = finder;
    this.#names = names;
    this.#events = events;
  }

  get #host() {
    return this.#parts.imageContent;
  }

  async get(caller: Caller, ref: string): Promise<ImageView> {
    const image = this.#finder.findNow(caller, ref);
    return { image, facts: await this.#finder.facts(image.spec.id) };
  }

  async list(caller: Caller): Promise<ImageView[]> {
    return await Promise.all(
      this.#parts.images
        .list(caller.tenant)
        .map(async (image) => ({ image, facts: await this.#finder.factsIfAny(image) })),
    );
  }

  users(caller: Caller, id: string): Promise<string[]> {
    return Promise.resolve(imageUsers(this.#parts, caller, id).map((pod) => pod.meta.uid));
  }

  async pull(
    caller: Caller,
    reference: string,
    options: {
      platform?: string;
      auth?: RegistryAuth;
      allTags?: boolean;
      progress: Progress;
      signal: AbortSignal;
    },
  ): Promise<void> {
    if (options.allTags)
      throw new KraudError('unsupported', 'pulling all tags of a repository is not supported: name a tag');
    const name = parseImageName(reference);
    const full = fullName(name);
    const { id, digest } = await this.#host.pull(full, options);
    const facts = await this.#finder.facts(id);
    await this.#names.add(caller, id, facts.sizeBytes, {
      ...(name.digest === undefined ? { tags: [full] } : {}),
      digests: [`${name.repository}@${digest}`],
    });
    await this.#events.image(caller, 'pull', familiarName(full), { name: familiarName(name.repository) });
  }

  async push(
    caller: Caller,
    reference: string,
    options: { auth?: RegistryAuth; progress: Progress; signal: AbortSignal },
  ): Promise<void> {
    const name = parseImageName(reference);
    const full = fullName(name);
    const image = this.#parts.images.list(caller.tenant).find((i) => i.spec.tags.includes(full));
    if (!image) {
      throw new KraudError(
        'not-found',
        `An image does not exist locally with the tag: ${familiarName(name.repository)}`,
      );
    }
    const { digest } = await this.#host.push(image.spec.id, full, options);
    await this.#names.add(caller, image.spec.id, image.status.sizeBytes, {
      digests: [`${name.repository}@${digest}`],
    });
    await this.#events.image(caller, 'push', familiarName(full), { name: familiarName(name.repository) });
  }

  async load(
    caller: Caller,
    tar: Readable,
    options: { progress: Progress; signal: AbortSignal },
  ): Promise<void> {
    const loaded = await this.#host.load(tar, options);
    for (const { id, names } of loaded) {
      const facts = await this.#finder.facts(id);
      await this.#names.add(caller, id, facts.sizeBytes, { tags: names });
      await this.#events.image(caller, 'load', id, { name: names[0] ? familiarName(names[0]) : id });
      await this.#host.prepare(id);
      const lines =
        names.length > 0 ? names.map((n) => `Loaded image: ${familiarName(n)}`) : [`Loaded image ID: ${id}`];
      for (const line of lines) options.progress({ stream: `${line}\n` });
    }
  }

  async save(caller: Caller, refs: string[], signal: AbortSignal): Promise<Readable> {
    const items = new Map<string, string[]>();
    for (const ref of refs) {
      const image = this.#finder.findNow(caller, ref);
      const names = items.get(image.spec.id) ?? [];
      items.set(image.spec.id, names);
      if (image.spec.id.replace('sha256:', '').startsWith(ref.replace(/^sha256:/, ''))) continue;
      const parsed = parseImageName(ref);
      if (parsed.digest === undefined) names.push(fullName(parsed));
    }
    return await this.#host.save(
      [...items].map(([id, names]) => ({ id, names })),
      signal,
    );
  }

  async import(
    caller: Caller,
    tar: Readable,
    options: {
      reference?: string;
      changes: string[];
      message: string;
      platform?: string;
      signal: AbortSignal;
    },
  ): Promise<string> {
    const tags = options.reference ? [fullName(refuseDigest(options.reference))] : [];
    const id = await this.#host.import(tar, options);
    const facts = await this.#finder.facts(id);
    await this.#names.add(caller, id, facts.sizeBytes, { tags });
    await this.#events.image(caller, 'import', id, { name: tags[0] ? familiarName(tags[0]) : id });
    await this.#host.prepare(id);
    return id;
  }

  async tag(caller: Caller, ref: string, reference: string): Promise<void> {
    const image = this.#finder.findNow(caller, ref);
    const full = fullName(refuseDigest(reference));
    await this.#names.add(caller, image.spec.id, image.status.sizeBytes, { tags: [full] });
    await this.#events.image(caller, 'tag', image.spec.id, { name: familiarName(full) });
  }

  async remove(caller: Caller, ref: string, options: { force: boolean; prune: boolean }): Promise<Removed[]> {
    const removed = await removeImage(this.#parts, this.#finder, this.#names, caller, ref, options);
    await this.#recordRemoved(caller, removed);
    return removed;
  }

  async prune(
    caller: Caller,
    matches: (view: ImageView) => boolean,
  ): Promise<{ removed: Removed[]; freedBytes: number }> {
    const before = await this.#host.usage();
    const removed: Removed[] = [];
    for (const view of await this.list(caller)) {
      if (!matches(view) || imageUsers(this.#parts, caller, view.image.spec.id).length > 0) continue;
      const names = [...view.image.spec.tags, ...view.image.spec.digests];
      removed.push(...names.map((name) => ({ untagged: familiarName(name) })));
      removed.push(...(await deleteImage(this.#parts, this.#finder, view.image)));
    }
    await this.#recordRemoved(caller, removed);
    const after = await this.#host.usage();
    return { removed, freedBytes: Math.max(0, before.layersBytes - after.layersBytes) };
  }

  async login(_caller: Caller, registry: string, auth: RegistryAuth): Promise<string> {
    return await this.#host.login(registry, auth);
  }

  async #recordRemoved(caller: Caller, removed: readonly Removed[]): Promise<void> {
    for (const item of removed) {
      if ('untagged' in item)
        await this.#events.image(caller, 'untag', item.untagged, { name: item.untagged });
    }
    const deleted = removed.find((item) => 'deleted' in item);
    if (deleted && 'deleted' in deleted)
      await this.#events.image(caller, 'delete', deleted.deleted, { name: deleted.deleted });
  }
}

export function refuseDigest(reference: string) {
  const name = parseImageName(reference);
  if (name.digest !== undefined)
    throw new KraudError('invalid', 'refusing to create a tag with a digest reference');
  return name;
}
