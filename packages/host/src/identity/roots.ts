import { createPrivateKey, X509Certificate } from 'node:crypto';
import { KraudError } from '@kraud/base';
import { digestOf } from './key.ts';

/** A certificate that signs those of hosts, and its key. PEM. */
export interface Root {
  readonly cert: string;
  readonly key: string;
}

/**
 * What the cloud's CA is made of. A root takes the place of another in steps, each of which waits for all hosts that
 * are not away:
 *
 *     at rest ──begin──> both are trusted ──all trust both──> the new one issues ──all have its certificates──> at rest
 *
 * A host that was away at a step finds the roots of today in the store, and makes up for it by itself.
 */
export interface Roots {
  /** Tells this cloud from every other, whatever becomes of its roots: the digest of the first one. */
  readonly cloud: string;
  /** Those that hosts trust, oldest first. */
  readonly trusted: readonly Root[];
  /** The one that signs now; of `trusted`. */
  readonly issuer: Root;
  /** The one that is to sign and to stay; of `trusted`. */
  readonly target: Root;
}

/** How far a host has come, by digests of roots. */
export interface HostTrust {
  readonly issuer: string;
  readonly roots: string[];
}

/** Changes of mind before all hosts have followed. */
export const trustedMax = 8;

export function firstRoots(root: Root): Roots {
  return { cloud: digestOf(root.cert), trusted: [root], issuer: root, target: root };
}

export const isAtRest = ({ trusted }: Roots): boolean => trusted.length === 1;

/** The beginning of a change; also back to a root that is still trusted, or on to a third. */
export function withTarget(roots: Roots, target: Root): Roots {
  const digest = digestOf(target.cert);
  const present = roots.trusted.find(({ cert }) => digestOf(cert) === digest);
  if (present) return { ...roots, target: present };
  if (roots.trusted.length >= trustedMax) {
    throw new KraudError(
      'conflict',
      `${trustedMax} roots are trusted, the most that may be, until all hosts have certificates of the one before`,
    );
  }
  return { ...roots, trusted: [...roots.trusted, target], target };
}

/** The step that may be taken when the hosts have come so far; undefined when there is none, or they have not. */
export function nextStep(roots: Roots, hosts: readonly (HostTrust | undefined)[]): Roots | undefined {
  const { issuer, target } = roots;
  const digest = digestOf(target.cert);
  if (issuer !== target) {
    return hosts.every((host) => host?.roots.includes(digest)) ? { ...roots, issuer: target } : undefined;
  }
  if (isAtRest(roots)) return undefined;
  return hosts.every((host) => host?.issuer === digest) ? { ...roots, trusted: [target] } : undefined;
}

/** `cert` and `key` are what the store has had since there was a CA: a host of before reads them, too. */
export function formatRoots({ cloud, trusted, issuer, target }: Roots): string {
  const others = trusted.filter((root) => root !== issuer);
  return JSON.stringify({
    ...issuer,
    cloud,
    ...(others.length === 0 ? {} : { trusted, target: digestOf(target.cert) }),
  });
}

/** `corrupt` unless it is what `formatRoots` makes, or what stood there before it did. */
export function parseRoots(value: string): Roots {
  const stored: unknown = JSON.parse(value);
  if (typeof stored !== 'object' || stored === null) throw corrupt();
  const issuer = rootOf(stored);
  const cloud = 'cloud' in stored ? String(stored.cloud) : digestOf(issuer.cert);
  if (!('trusted' in stored)) return { cloud, trusted: [issuer], issuer, target: issuer };
  if (!Array.isArray(stored.trusted)) throw corrupt();
  const trusted = stored.trusted.map(rootOf);
  const found = (digest: unknown): Root => {
    const root = trusted.find(({ cert }) => digestOf(cert) === digest);
    if (root) return root;
    throw corrupt();
  };
  const target = 'target' in stored ? found(stored.target) : issuer;
  return { cloud, trusted, issuer: found(digestOf(issuer.cert)), target };
}

function rootOf(stored: unknown): Root {
  if (typeof stored === 'object' && stored !== null && 'cert' in stored && 'key' in stored) {
    const root = { cert: String(stored.cert), key: String(stored.key) };
    if (new X509Certificate(root.cert).ca && createPrivateKey(root.key)) return root;
  }
  throw corrupt();
}

const corrupt = (): KraudError => new KraudError('corrupt', 'what is stored is not a certificate authority');
