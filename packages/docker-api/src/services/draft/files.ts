import { KraudError } from '@kraud/base';
import type { MountDraft } from '@kraud/cloud';
import type { ContainerSpecBody, FileReferenceBody } from '../body.ts';
import type { DraftContext } from './draft.ts';

const modeDefault = 0o444;

/** A task reads its secrets below /run/secrets and its configs at the root, unless they name a place of their own. */
export function filesOf(body: ContainerSpecBody, context: Pick<DraftContext, 'hasFile'>): MountDraft[] {
  const secret = (item: FileReferenceBody): MountDraft => {
    checkReference('Secret', item.SecretID, item.SecretName, context);
    return fileOf('Secret', item, item.SecretName ?? '', '/run/secrets/');
  };
  const config = (item: FileReferenceBody): MountDraft => {
    checkReference('Config', item.ConfigID, item.ConfigName, context);
    return fileOf('Config', item, item.ConfigName ?? '', '/');
  };
  return [...(body.Secrets ?? []).map(secret), ...(body.Configs ?? []).map(config)];
}

/** Id and name must both be there, and be of the same one: a name alone may have come to mean another. */
function checkReference(
  source: 'Secret' | 'Config',
  id: string | undefined,
  name: string | undefined,
  { hasFile }: Pick<DraftContext, 'hasFile'>,
): void {
  const word = source.toLowerCase();
  if (!id || !name) throw new KraudError('invalid', `malformed ${word} reference`);
  if (!hasFile(source, id, name)) throw new KraudError('invalid', `${word} not found: ${name}`);
}

function fileOf(
  source: 'Secret' | 'Config',
  item: FileReferenceBody,
  name: string,
  folder: string,
): MountDraft {
  const target = item.File?.Name || name;
  return {
    type: 'file',
    source,
    name,
    target: target.startsWith('/') ? target : `${folder}${target}`,
    uid: numberOf(item.File?.UID ?? '0'),
    gid: numberOf(item.File?.GID ?? '0'),
    mode: (item.File?.Mode ?? modeDefault) & 0o7777,
  };
}

function numberOf(text: string): number {
  if (!/^\d{1,10}$/.test(text))
    throw new KraudError('invalid', `invalid user or group id of a file: ${text}`);
  return Number(text);
}
