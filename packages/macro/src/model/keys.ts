import { KraudError } from '@kraud/base';
import type { Kind } from './kinds.ts';
import type { ResourceKey } from './meta.ts';

/**
 * Where a resource stands in the store.
 *
 * | kind  | tenant, namespace, name | key                             |
 * | ----- | ----------------------- | ------------------------------- |
 * | Pod   | default, default, web-1 | `/pod/default/default/web-1`    |
 * | Image | acme, default, sha256:… | `/image/acme/default/sha256:…`  |
 */
export function keyOf(kind: Kind, key: ResourceKey): string {
  checkName(kind, key);
  return `${prefixOf(kind)}${key.tenant}/${key.namespace}/${key.name}`;
}

/** All of a kind, or all that a tenant has of it. */
export function prefixOf(kind: Kind, tenant?: string): string {
  return `/${kind.toLowerCase()}/${tenant === undefined ? '' : `${tenant}/`}`;
}

/** The resource that a store's key names; undefined if the key is none of ours. */
export function parseKey(text: string): (ResourceKey & { kind: string }) | undefined {
  const [empty, kind, tenant, namespace, name, ...more] = text.split('/');
  if (empty !== '' || !kind || !tenant || !namespace || !name || more.length > 0) return undefined;
  return { kind, tenant, namespace, name };
}

const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const dockerName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/;
const digest = /^sha256:[0-9a-f]{64}$/;

/** What a name may look like. None may hold a slash, so that no key can reach into another's tenant. */
const namePatterns: { readonly [K in Kind]: RegExp } = {
  Pod: dockerName,
  Workload: dockerName,
  Secret: dockerName,
  Config: dockerName,
  Image: digest,
  Volume: dockerName,
  Network: dockerName,
  Host: /^[a-zA-Z0-9]([-a-zA-Z0-9.]{0,251}[a-zA-Z0-9])?$/,
  Namespace: dnsLabel,
  Tenant: dnsLabel,
  Event: /^[0-9a-z.-]{1,63}$/,
};

export function checkName(kind: Kind, key: ResourceKey): void {
  const part = wrongPart(kind, key);
  if (part) refuse(kind, part, key[part]);
}

/** Whether anything may have this name: what nothing may have isn't there, whoever looks for it. */
export const mayBeNamed = (kind: Kind, key: ResourceKey): boolean => wrongPart(kind, key) === undefined;

function wrongPart(kind: Kind, key: ResourceKey): 'tenant' | 'namespace' | 'name' | undefined {
  if (!dnsLabel.test(key.tenant)) return 'tenant';
  if (!dnsLabel.test(key.namespace)) return 'namespace';
  return namePatterns[kind].test(key.name) ? undefined : 'name';
}

function refuse(kind: Kind, part: string, value: string): never {
  throw new KraudError('invalid', `invalid ${part} of a ${kind}: ${JSON.stringify(value.slice(0, 80))}`);
}

/** Below it, the hosts that hold their lease: a key is there exactly as long as its host's lease lives. */
export const hostLeasePrefix = '/lease/host/';

/** What a host holds while it may run pods. Its value tells who holds it: see `LeaseHolder`. */
export function hostLeaseKey(name: string): string {
  return `${hostLeasePrefix}${name}`;
}
