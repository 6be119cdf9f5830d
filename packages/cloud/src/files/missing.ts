import { KraudError } from '@kraud/base';
import { defaultNamespace, type PodSpec } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';

/** `invalid` when the pod would read a secret or config that isn't there. */
export function refuseMissingFiles(
  parts: Pick<CloudParts, 'secrets' | 'configs'>,
  { tenant }: Caller,
  { containers }: Pick<PodSpec, 'containers'>,
): void {
  for (const mount of containers.flatMap(({ mounts }) => mounts)) {
    if (mount.type !== 'file') continue;
    const table = mount.source === 'Secret' ? parts.secrets : parts.configs;
    if (table.get({ tenant, namespace: defaultNamespace, name: mount.name })) continue;
    throw new KraudError('invalid', `${mount.source.toLowerCase()} not found: ${mount.name}`);
  }
}
