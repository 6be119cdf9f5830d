import { codeOf } from '@kraud/base';
import type { Volume } from '@kraud/macro';
import type { CloudParts } from '../parts.ts';
import { boundPath } from './bound.ts';

/** Of a volume whose host can't be asked, or that has no disk; as Docker has it. */
const unknownBytes = -1;

/** Where the data is (or would be, as long as no pod has used it) and how much of it there is. */
export async function dataOf(
  { hostOf }: Pick<CloudParts, 'hostOf'>,
  { meta, spec, status }: Volume,
): Promise<{ mountpoint: string; usedBytes: number }> {
  const bound = boundPath(spec.options);
  if (bound) return { mountpoint: bound.path, usedBytes: unknownBytes };
  const key = { tenant: meta.tenant, name: meta.name };
  try {
    const { volumes } = hostOf(status.host);
    const mountpoint = await volumes.path(key);
    const usedBytes = await volumes.usage(key).catch((error: unknown) => {
      if (codeOf(error) === 'not-found') return 0;
      throw error;
    });
    return { mountpoint, usedBytes };
  } catch (error) {
    if (codeOf(error) !== 'unavailable') throw error;
    return { mountpoint: '', usedBytes: unknownBytes };
  }
}

/** Removes the data, if there is any yet. `unavailable` when its host can't be reached. */
export async function removeData(
  { hostOf }: Pick<CloudParts, 'hostOf'>,
  { meta, spec, status }: Volume,
): Promise<void> {
  // What it stands for isn't its own.
  if (boundPath(spec.options)) return;
  try {
    await hostOf(status.host).volumes.remove({ tenant: meta.tenant, name: meta.name });
  } catch (error) {
    if (codeOf(error) !== 'not-found') throw error;
  }
}
