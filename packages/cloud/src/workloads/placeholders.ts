import { KraudError } from '@kraud/base';
import type { WorkloadDraft } from './contract.ts';

const placeholder = /\{\{-?\s*(.*?)\s*-?\}\}/g;
const known =
  /^(\.Service\.(ID|Name|Labels\.\w+)|index \.Service\.Labels "[^"]*"|\.Task\.(ID|Name|Slot)|\.Node\.(ID|Hostname|Platform\.(OS|Architecture)))$/;

const functions = /^(env|secret|config)\s+"[^"]*"$/;

/** Refuses a secret or config that has in it what can't be filled in when a container is given it. */
export function checkFileTemplate(text: string): void {
  for (const [whole, inner = ''] of text.matchAll(placeholder)) {
    if (!known.test(inner) && !functions.test(inner)) {
      throw new KraudError('unsupported', `the template ${whole} is not supported`);
    }
  }
}

export const hasPlaceholder = (text: string): boolean => text.includes('{{');

/** Refuses what can't be filled in, before anything is made of it. */
export function checkPlaceholders({ labels, pod }: WorkloadDraft): void {
  const { env = [], mounts = [] } = pod.container;
  const texts = [
    pod.hostname,
    ...env,
    ...mounts.flatMap((mount) => [
      mount.target,
      ...(mount.type === 'volume' ? [mount.volume, mount.subpath ?? ''] : []),
      ...(mount.type === 'host' ? [mount.source] : []),
    ]),
  ];
  for (const text of texts) {
    for (const [whole, inner = ''] of text.matchAll(placeholder)) {
      if (!known.test(inner)) throw new KraudError('unsupported', `the template ${whole} is not supported`);
      const label = /^\.Service\.Labels\.(\w+)$|"(.*)"$/.exec(inner);
      const name = label?.[1] ?? label?.[2];
      if (name !== undefined && !Object.hasOwn(labels, name)) {
        throw new KraudError('invalid', `the template ${whole} names a label that the service doesn't have`);
      }
    }
  }
}
