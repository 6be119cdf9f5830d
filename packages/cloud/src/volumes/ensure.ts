import { codeOf, KraudError, newId, parseBytes } from '@kraud/base';
import { defaultNamespace, type Volume } from '@kraud/macro';
import type { WantedVolume } from '../admission/mounts.ts';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import { boundPath, optionsOfBound } from './bound.ts';

const driverNames = ['local', 'lv'];

/** The volume's size from its options, checked; what they don't know is refused by name. */
export function volumeSize(
  parts: Pick<CloudParts, 'limits'>,
  driver: string,
  options: Record<string, string>,
): number {
  if (!driverNames.includes(driver)) {
    throw new KraudError(
      'not-found',
      `error looking up volume plugin ${driver}: plugin "${driver}" not found`,
    );
  }
  boundPath(options);
  let sizeBytes = parts.limits.volumeBytesDefault;
  for (const [name, value] of Object.entries(options)) {
    if (name === 'size') sizeBytes = parseBytes(value);
    else if (!optionsOfBound.includes(name))
      throw new KraudError(
        'invalid',
        `create volume: invalid option: "${name}"; the ${driver} driver has size, type, device and o`,
      );
  }
  return sizeBytes;
}

/** Host paths are for the owner of the local socket. */
export function refuseOthersPath(caller: Caller, options: Record<string, string>): void {
  const bound = boundPath(options);
  if (!bound || caller.local) return;
  throw new KraudError(
    'forbidden',
    `a volume can't stand for the host path ${bound.path}: only who owns the local socket shares host paths`,
  );
}

/**
 * The volume by this name, made if it is missing: then with these annotations, if it has an owner. One that is there
 * with another driver or options is a `conflict`. Its data is nowhere yet: the host of the first pod that uses it makes
 * and keeps it.
 */
export async function ensureVolume(
  parts: CloudParts,
  caller: Caller,
  wanted: WantedVolume,
  owner: { kind: string; uid: string; name: string } | undefined,
  annotations: Record<string, string> = {},
): Promise<{ volume: Volume; made: boolean }> {
  const key = { tenant: caller.tenant, namespace: defaultNamespace, name: wanted.name };
  const present = parts.volumes.get(key);
  if (present) {
    if (present.spec.driver !== wanted.driver) {
      throw new KraudError('conflict', `create ${wanted.name}: conflict: volume name must be unique`);
    }
    return { volume: present, made: false };
  }
  const sizeBytes = volumeSize(parts, wanted.driver, wanted.options);
  refuseOthersPath(caller, wanted.options);
  const volume: Volume = {
    kind: 'Volume',
    meta: {
      uid: newId(parts.random),
      ...key,
      labels: wanted.labels,
      annotations: owner ? annotations : {},
      generation: 1,
      ...(owner ? { owner } : {}),
      finalizers: [],
      createdAt: new Date(parts.clock.now()).toISOString(),
    },
    spec: { driver: wanted.driver, options: wanted.options, sizeBytes, anonymous: wanted.anonymous },
    status: {},
    given: {},
  };
  try {
    return { volume: await parts.volumes.create(volume), made: true };
  } catch (error) {
    if (codeOf(error) !== 'exists') throw error;
    return await ensureVolume(parts, caller, wanted, owner, annotations);
  }
}
