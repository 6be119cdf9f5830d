import type { Clock } from '@kraud/base';
import type { Platform, RegistryAuth, RemoteDescriptor } from '../contract.ts';
import { parseDocument, platformOf } from '../image/document.ts';
import { parseManifest } from '../image/manifest.ts';
import type { ImageLimits } from '../limits.ts';
import type { Reference } from '../reference/reference.ts';
import { Repository } from '../registry/repository.ts';
import { RegistrySession } from '../registry/session.ts';
import type { RegistrySettings } from '../registry/settings.ts';

/** What a name stands for at its registry, without fetching the image. */
export async function describeRemote(
  parts: { limits: ImageLimits; clock: Clock; registries: RegistrySettings },
  reference: Reference,
  auth: RegistryAuth | undefined,
): Promise<RemoteDescriptor> {
  const name = reference.withDefaultTag();
  const { limits, clock, registries } = parts;
  const session = new RegistrySession(name.domain, { settings: registries, clock, auth });
  const repository = new Repository(session, name.path, 'pull');
  const remote = await repository.manifest(name.digest ?? name.tag ?? '', limits.documentBytesMax);
  const manifest = parseManifest(remote.bytes, remote.contentType);
  const descriptor = { mediaType: manifest.mediaType, digest: remote.digest, sizeBytes: remote.bytes.length };
  if (manifest.kind === 'index') {
    const platforms = manifest.manifests.flatMap((entry) => (entry.platform ? [entry.platform] : []));
    return { ...descriptor, platforms };
  }
  const config = await repository.document(manifest.config, limits.documentBytesMax);
  const platform: Platform = platformOf(parseDocument(config));
  return { ...descriptor, platforms: [platform] };
}
