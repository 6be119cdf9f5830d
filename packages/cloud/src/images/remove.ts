import { KraudError } from '@kraud/base';
import type { Image } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import { isUp } from '../pods/find.ts';
import type { ImageFinder } from './find.ts';
import type { ImageNames } from './names.ts';
import { familiarName, fullName, parseImageName } from './reference.ts';

export type Removed = { untagged: string } | { deleted: string };

/** Ids (`sha256:…`) of all pods' images, with the pods. */
export function imageUsers(parts: Pick<CloudParts, 'pods'>, caller: Caller, id: string) {
  return parts.pods.list(caller.tenant).filter((pod) => pod.spec.containers.some((c) => c.image.id === id));
}

/**
 * As `docker rmi`: a name is taken away; the last name takes the image with it, unless a pod needs it. By id, an
 * image with names in several repositories goes only by force.
 */
export async function removeImage(
  parts: CloudParts,
  finder: ImageFinder,
  names: ImageNames,
  caller: Caller,
  ref: string,
  options: { force: boolean },
): Promise<Removed[]> {
  const image = finder.findNow(caller, ref);
  const byId = image.spec.id.replace('sha256:', '').startsWith(ref.replace(/^sha256:/, ''));
  const result: Removed[] = [];

  if (!byId) {
    const parsed = parseImageName(ref);
    const full = fullName(parsed);
    const others = image.spec.tags.filter((tag) => tag !== full);
    const dropDigests =
      parsed.digest !== undefined || !others.some((tag) => tag.startsWith(`${parsed.repository}:`));
    const keepsName = parsed.digest !== undefined ? image.spec.tags.length > 0 : others.length > 0;
    if (!keepsName) refuseUsed(parts, caller, image, ref, options.force);
    const gone = (name: string): boolean =>
      name === full || (dropDigests && name.startsWith(`${parsed.repository}@`));
    for (const name of [...image.spec.tags, ...image.spec.digests].filter(gone)) {
      result.push({ untagged: familiarName(name) });
    }
    await names.take(caller, image.spec.id, gone);
    if (keepsName || imageUsers(parts, caller, image.spec.id).length > 0) return result;
    return [...result, ...(await deleteImage(parts, finder, image))];
  }

  const repositories = new Set(image.spec.tags.map((tag) => tag.replace(/:[^:/]*$/, '')));
  if (repositories.size > 1 && !options.force) {
    throw new KraudError(
      'conflict',
      `conflict: unable to delete ${short(image)} (must be forced) - image is referenced in multiple repositories`,
    );
  }
  refuseUsed(parts, caller, image, short(image), options.force);
  for (const name of [...image.spec.tags, ...image.spec.digests])
    result.push({ untagged: familiarName(name) });
  return [...result, ...(await deleteImage(parts, finder, image))];
}

export const short = (image: Image): string => image.spec.id.replace('sha256:', '').slice(0, 12);

function refuseUsed(parts: CloudParts, caller: Caller, image: Image, ref: string, force: boolean): void {
  const users = imageUsers(parts, caller, image.spec.id);
  const running = users.find(isUp);
  if (running) {
    throw new KraudError(
      'conflict',
      `conflict: unable to ${ref === short(image) ? 'delete' : 'remove repository reference'} ${ref === short(image) ? ref : `"${ref}"`} (cannot be forced) - image is being used by running container ${running.meta.uid.slice(0, 12)}`,
    );
  }
  const [user] = users;
  if (user && !force) {
    throw new KraudError(
      'conflict',
      ref === short(image)
        ? `conflict: unable to delete ${ref} (must be forced) - image is being used by stopped container ${user.meta.uid.slice(0, 12)}`
        : `conflict: unable to remove repository reference "${ref}" (must force) - container ${user.meta.uid.slice(0, 12)} is using its referenced image ${short(image)}`,
    );
  }
}

/** Whether any tenant has it, or a pod needs it to start again. */
export function isNeeded(parts: Pick<CloudParts, 'images' | 'pods'>, id: string): boolean {
  return (
    parts.images.everywhere().some((image) => image.spec.id === id) ||
    parts.pods.everywhere().some((pod) => pod.spec.containers.some(({ image }) => image.id === id))
  );
}

/**
 * The tenant loses the image. Its content goes with it, unless another tenant has it or a pod still needs it to start
 * again; then the sweep at the daemon's next start takes it, once it may.
 */
export async function deleteImage(parts: CloudParts, finder: ImageFinder, image: Image): Promise<Removed[]> {
  await parts.images.delete(image.meta);
  finder.forget(image.spec.id);
  const { id } = image.spec;
  const layers = isNeeded(parts, id) ? [] : await parts.imageContent.remove(id);
  return [{ deleted: id }, ...layers.map((layer) => ({ deleted: layer }))];
}
