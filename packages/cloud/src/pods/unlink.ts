import { KraudError } from '@kraud/base';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import { findPod, keyOf } from './find.ts';

/** The pod calls another one by this alias no more, from its next start on. */
export async function unlinkPod(
  parts: CloudParts,
  caller: Caller,
  ref: string,
  alias: string,
): Promise<void> {
  const found = findPod(parts, caller, ref);
  await parts.pods.mutate(keyOf(found), (pod) => {
    const on = pod.spec.networks.find(({ name }) => name === 'default');
    const links = on?.links ?? [];
    if (!on || !links.some((link) => link.alias === alias)) {
      throw new KraudError('not-found', `no such link: /${found.meta.name}/${alias}`);
    }
    const { links: _, ...rest } = on;
    const left = links.filter((link) => link.alias !== alias);
    const changed = left.length > 0 ? { ...rest, links: left } : rest;
    const networks = pod.spec.networks.map((network) => (network === on ? changed : network));
    return { ...pod, spec: { ...pod.spec, networks } };
  });
}
