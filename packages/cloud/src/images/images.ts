import type { Readable } from 'node:stream';
import { codeOf, KraudError } from '@kraud/base';
import type { Progress, RegistryAuth, RemoteImage } from '@kraud/host';
import type { Image } from '@kraud/macro';
import type { Caller, Images, ImageView } from '../contract.ts';
import type { EventRecorder } from '../events.ts';
import type { CloudParts } from '../parts.ts';
import type { ImageFinder } from './find.ts';
import type { ImageNames } from './names.ts';
import { familiarName, fullName, parseImageName } from './reference.ts';
import { deleteImage, imageUsers, isNeeded, type Removed, removeImage } from './remove.ts';

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
    const name = parseImageName(reference);
    if (options.allTags) {
      const { allTags: _, ...each } = options;
      for (const tag of await this.#host.tags(name.repository, options.auth)) {
        await this.pull(caller, `${name.repository}:${tag}`, each);
      }
      return;
    }
    const full = fullName(name);
    const { id, digest } = await this.#host.pull(full, options);
    const facts = await this.#finder.facts(id);
    await this.#names.add(caller, id, facts.sizeBytes, {
      ...(name.digest === undefined ? { tags: [full] } : {}),
      digests: [`${name.repository}@${digest}`],
    });
    await this.#record(caller, 'pull', id, familiarName(full), familiarName(name.repository));
  }

  async push(
    caller: Caller,
    reference: string,
    options: { auth?: RegistryAuth; progress: Progress; signal: AbortSignal },
  ): Promise<void> {
    const name = parseImageName(reference);
    if (name.digest !== undefined) throw new KraudError('invalid', 'cannot push a digest reference');
    const { repository } = name;
    const wanted = (tag: string): boolean =>
      name.tag === undefined ? tag.startsWith(`${repository}:`) : tag === fullName(name);
    const found = this.#parts.images
      .list(caller.tenant)
      .flatMap((image) => image.spec.tags.filter(wanted).map((tag) => ({ image, tag })))
      .sort((a, b) => (a.tag < b.tag ? -1 : 1));
    if (found.length === 0) {
      throw new KraudError(
        'not-found',
        `An image does not exist locally with the tag: ${familiarName(repository)}`,
      );
    }
    for (const { image, tag } of found) {
      const { digest } = await this.#host.push(image.spec.id, tag, options);
      await this.#names.add(caller, image.spec.id, image.status.sizeBytes, {
        digests: [`${repository}@${digest}`],
      });
      await this.#record(caller, 'push', image.spec.id, familiarName(tag), familiarName(repository));
    }
  }

  async remote(caller: Caller, reference: string, auth?: RegistryAuth): Promise<RemoteImage> {
    const name = parseImageName(reference);
    const here = this.#finder.findIfAny(caller, reference);
    const known = here?.spec.digests.find((digest) => digest.startsWith(`${name.repository}@`));
    if (here && known === undefined) return await this.#asRemote(here, here.spec.id);
    try {
      return await this.#host.remote(fullName(name), auth);
    } catch (error) {
      const away = codeOf(error) === 'unavailable' || codeOf(error) === 'timeout';
      if (!away || !here || known === undefined) throw error;
      return await this.#asRemote(here, known.slice(known.indexOf('@') + 1));
    }
  }

  async #asRemote({ spec }: Image, digest: string): Promise<RemoteImage> {
    const { os, architecture, variant, sizeBytes } = await this.#finder.facts(spec.id);
    return {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest,
      sizeBytes,
      platforms: [{ os, architecture, ...(variant === '' ? {} : { variant }) }],
    };
  }

  async load(
    caller: Caller,
    tar: Readable,
    options: { platform?: string; progress: Progress; signal: AbortSignal },
  ): Promise<void> {
    const loaded = await this.#host.load(tar, options);
    await this.#settle(loaded.map(({ id }) => id));
    for (const { id, names } of loaded) {
      const facts = await this.#finder.facts(id);
      await this.#names.add(caller, id, facts.sizeBytes, { tags: names });
      await this.#record(caller, 'load', id, id, names[0] ? familiarName(names[0]) : id);
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
    for (const id of items.keys()) await this.#record(caller, 'save', id, id, id);
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
    await this.#settle([id]);
    const facts = await this.#finder.facts(id);
    await this.#names.add(caller, id, facts.sizeBytes, { tags });
    await this.#record(caller, 'import', id, id, tags[0] ? familiarName(tags[0]) : id);
    return id;
  }

  async tag(caller: Caller, ref: string, reference: string): Promise<void> {
    const image = this.#finder.findNow(caller, ref);
    const full = fullName(refuseDigest(reference));
    await this.#names.add(caller, image.spec.id, image.status.sizeBytes, { tags: [full] });
    await this.#record(caller, 'tag', image.spec.id, image.spec.id, familiarName(full));
  }

  async remove(caller: Caller, ref: string, options: { force: boolean; prune: boolean }): Promise<Removed[]> {
    const image = this.#finder.findNow(caller, ref);
    const labels = await this.#labels(image.spec.id);
    const removed = await removeImage(this.#parts, this.#finder, this.#names, caller, ref, options);
    await this.#recordRemoved(caller, image.spec.id, labels, removed);
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
      const gone: Removed[] = names.map((name) => ({ untagged: familiarName(name) }));
      gone.push(...(await deleteImage(this.#parts, this.#finder, view.image)));
      await this.#recordRemoved(caller, view.image.spec.id, view.facts.config.labels ?? {}, gone);
      removed.push(...gone);
    }
    const after = await this.#host.usage();
    const freedBytes = Math.max(0, before.layersBytes - after.layersBytes);
    await this.#events.pruned(caller, 'image', freedBytes);
    return { removed, freedBytes };
  }

  async login(_caller: Caller, registry: string, auth: RegistryAuth): Promise<string> {
    return await this.#host.login(registry, auth);
  }

  /** Makes what came in ready to run before it has a name; if there is no room for that, nobody is to have it. */
  async #settle(ids: readonly string[]): Promise<void> {
    try {
      for (const id of ids) await this.#host.prepare(id);
    } catch (error) {
      for (const id of ids) {
        if (isNeeded(this.#parts, id)) continue;
        this.#finder.forget(id);
        await this.#host.remove(id);
      }
      throw error;
    }
  }

  /** With the image's labels, as long as it is there. */
  async #record(caller: Caller, action: string, id: string, actor: string, name: string): Promise<void> {
    await this.#events.image(caller, action, actor, { ...(await this.#labels(id)), name });
  }

  /** None of one whose content is nowhere to be had: what is told of it is told without them. */
  async #labels(id: string): Promise<Record<string, string>> {
    try {
      return (await this.#finder.facts(id)).config.labels ?? {};
    } catch (error) {
      if (codeOf(error) !== 'not-found' && codeOf(error) !== 'unavailable') throw error;
      return {};
    }
  }

  async #recordRemoved(
    caller: Caller,
    id: string,
    labels: Record<string, string>,
    removed: readonly Removed[],
  ): Promise<void> {
    for (const item of removed) {
      if ('untagged' in item) await this.#events.image(caller, 'untag', id, { ...labels, name: id });
    }
    if (removed.some((item) => 'deleted' in item))
      await this.#events.image(caller, 'delete', id, { name: id });
  }
}

export function refuseDigest(reference: string) {
  const name = parseImageName(reference);
  if (name.digest !== undefined)
    throw new KraudError('invalid', 'refusing to create a tag with a digest reference');
  if (name.repository === 'docker.io/library/sha256')
    throw new KraudError('invalid', 'refusing to create an ambiguous tag using digest algorithm as name');
  return name;
}
