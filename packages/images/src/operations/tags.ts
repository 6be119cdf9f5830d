import type { Clock } from '@kraud/base';
import type { RegistryAuth } from '../contract.ts';
import type { Reference } from '../reference/reference.ts';
import { Repository } from '../registry/repository.ts';
import { RegistrySession } from '../registry/session.ts';
import type { RegistrySettings } from '../registry/settings.ts';

/** The tags that a repository has at its registry, of which `reference` names no more than the repository. */
export async function tagsAt(
  { clock, registries: settings }: { clock: Clock; registries: RegistrySettings },
  { domain, path }: Reference,
  auth: RegistryAuth | undefined,
): Promise<readonly string[]> {
  return await new Repository(new RegistrySession(domain, { settings, clock, auth }), path, 'pull').tags();
}
