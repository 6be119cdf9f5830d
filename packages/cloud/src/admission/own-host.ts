import { anywhere, type PodSpec } from '@kraud/macro';
import type { CloudParts } from '../parts.ts';

type Parts = Pick<CloudParts, 'hostName'> & { readonly hosts: Pick<CloudParts['hosts'], 'everywhere'> };

/**
 * Paths of the host mean those of the host that was asked: a pod that mounts one runs there and nowhere else. On a cloud
 * of one nothing needs to be said.
 */
export function onOwnHost<S extends Pick<PodSpec, 'containers' | 'placement'>>(parts: Parts, spec: S): S {
  const mounts = spec.containers.flatMap((container) => container.mounts);
  const usesPath = mounts.some(({ type }) => type === 'host' || type === 'socket');
  if (!usesPath || parts.hosts.everywhere().length < 2) return spec;
  const placement = spec.placement ?? anywhere;
  const here = { key: 'kr.host', op: 'in' as const, values: [parts.hostName] };
  return { ...spec, placement: { ...placement, constraints: [...placement.constraints, here] } };
}
