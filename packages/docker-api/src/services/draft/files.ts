import { KraudError } from '@kraud/base';
import type { MountDraft } from '@kraud/cloud';
import type { ContainerSpecBody, FileReferenceBody } from '../body.ts';

const modeDefault = 0o444;

/** A task reads its secrets below /run/secrets and its configs at the root, unless they name a place of their own. */
export function filesOf(body: ContainerSpecBody): MountDraft[] {
  return [
    ...(body.Secrets ?? []).map((item) => fileOf('Secret', item, item.SecretName ?? '', '/run/secrets/')),
    ...(body.Configs ?? []).map((item) => fileOf('Config', item, item.ConfigName ?? '', '/')),
  ];
}

function fileOf(
  source: 'Secret' | 'Config',
  item: FileReferenceBody,
  name: string,
  folder: string,
): MountDraft {
  if (name === '') throw new KraudError('invalid', `malformed ${source.toLowerCase()} reference`);
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
