import { isAbsolute, posix } from 'node:path';
import { KraudError } from '@kraud/base';
import { defaultNamespace } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import { memoryOptions } from './memory.ts';

const about = ['type', 'device', 'o'];
const flags = ['bind', 'rbind', 'rw', 'ro'];

/** A host directory that a volume stands for, instead of having a disk. */
export interface BoundPath {
  readonly path: string;
  readonly readOnly: boolean;
}

/**
 * What a volume's options bind it to; undefined for one with a disk. Other uses of `mount` are refused by name.
 *
 * | options                                    | bound to          |
 * | ------------------------------------------ | ----------------- |
 * | `type=none`, `o=bind`, `device=/srv/data`  | `/srv/data`       |
 * | `o=bind,ro`, `device=/srv/data`            | that, read-only   |
 * | `size=1g`, `type=tmpfs`                    | –                 |
 */
export function boundPath(options: Readonly<Record<string, string>>): BoundPath | undefined {
  const named = about.filter((name) => options[name] !== undefined);
  if (named.length === 0) return undefined;
  const isBound = options.o?.split(',').some((word) => word === 'bind' || word === 'rbind');
  const missing =
    options.device === undefined ? 'device' : options.type === undefined && !isBound ? 'type' : undefined;
  if (missing) throw new KraudError('invalid', `create volume: missing required option: "${missing}"`);
  if (memoryOptions(options) !== undefined) return undefined;
  const { type = '', device = '', o = '' } = options;
  const words = o.split(',').filter((word) => word !== '');
  const strange = words.find((word) => !flags.includes(word));
  const isBind = words.includes('bind') || words.includes('rbind');
  if (!isBind || !['', 'none', 'bind'].includes(type) || strange !== undefined) {
    const all = named.map((name) => `${name}=${options[name]}`).join(', ');
    throw new KraudError(
      'unsupported',
      `create volume: ${all} is not supported by the local driver: of mounts only type=none, o=bind, device=PATH and type=tmpfs are`,
    );
  }
  if (!isAbsolute(device))
    throw new KraudError('invalid', `create volume: device=${device} must be an absolute path`);
  return { path: posix.normalize(device), readOnly: words.includes('ro') };
}

/** The options of the caller's volumes, as they are. */
export function optionsOfVolumes(
  { volumes }: Pick<CloudParts, 'volumes'>,
  { tenant }: Caller,
): (name: string) => Readonly<Record<string, string>> | undefined {
  return (name) => volumes.get({ tenant, namespace: defaultNamespace, name })?.spec.options;
}

export const optionsOfBound: readonly string[] = about;
