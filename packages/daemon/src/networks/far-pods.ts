import { namesOn } from '@kraud/host';
import { defaultNamespace, defaultTenant, type Host, isUp, type Pod, type Tables } from '@kraud/macro';
import { type FarPod, type FarPods, Subnet } from '@kraud/network';

export interface FarPodsParts {
  /** This host's. */
  readonly name: string;
  readonly tables: Pick<Tables, 'pods' | 'networks' | 'hosts'>;
  readonly far: FarPods;
}

interface Fixed {
  readonly tenant: string;
  readonly host: string;
  readonly addresses: readonly string[];
}

/**
 * Tells the network of the pods that run on other hosts, as the caches show them: of those only that share a network
 * with this host, and not of those whose host is lost or gone. No question for a name reads the store.
 */
export class FarPodsFollower {
  readonly #parts: FarPodsParts;
  /** Pods that asked for an address, which may be of any host's block. */
  readonly #fixed = new Map<string, Fixed>();
  readonly #listeners = new Set<() => void>();

  constructor(parts: FarPodsParts) {
    this.#parts = parts;
  }

  /** Answers how to stop. */
  follow(): () => void {
    const { pods, networks, hosts } = this.#parts.tables;
    const stops = [
      pods.cache.subscribe((changes) => {
        for (const { before, after } of changes) {
          if (after) this.#see(after);
          else if (before) this.#forget(before.meta.uid);
        }
      }),
      networks.cache.subscribe((changes) => {
        for (const { before, after } of changes) {
          const tenant = (after ?? before)?.meta.tenant;
          const [had, has] = [before, after].map((network) => network?.status.slices?.[this.#parts.name]);
          if (tenant !== undefined && !had !== !has)
            for (const pod of pods.cache.list(tenant)) this.#see(pod);
        }
      }),
      hosts.cache.subscribe((changes) => {
        for (const { before, after } of changes) {
          if (isThere(before) === isThere(after)) continue;
          const { name = '' } = (after ?? before)?.meta ?? {};
          for (const pod of pods.cache.by('host', name)) this.#see(pod);
        }
      }),
    ];
    for (const pod of pods.cache.list()) this.#see(pod);
    return () => {
      for (const stop of stops) stop();
    };
  }

  /** Calls when `strangers` may answer something else. */
  onStrangers(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Addresses of a host's pods that are not of these blocks, which are the host's own. */
  strangers(tenant: string, host: string, blocks: readonly string[]): string[] {
    const own = blocks.map((block) => Subnet.parse(block));
    return [...this.#fixed.values()]
      .filter((fixed) => fixed.tenant === tenant && fixed.host === host)
      .flatMap(({ addresses }) => addresses)
      .filter((address) => !own.some((block) => block.overlaps(Subnet.parse(`${address}/32`))))
      .sort();
  }

  #see(pod: Pod): void {
    const { name, tables, far } = this.#parts;
    const { uid, tenant } = pod.meta;
    const seen = farPodOf(pod, name, {
      isShared: (network) =>
        tables.networks.get({ tenant, namespace: defaultNamespace, name: network })?.status.slices?.[name] !==
        undefined,
      isThere: (host) =>
        isThere(tables.hosts.get({ tenant: defaultTenant, namespace: defaultNamespace, name: host })),
    });
    if (!seen) {
      this.#forget(uid);
      return;
    }
    far.put(seen);
    const asked = new Set(pod.spec.networks.filter(({ ipv4 }) => ipv4 !== undefined).map((on) => on.name));
    const addresses = seen.places.filter(({ network }) => asked.has(network)).map(({ ipv4 }) => ipv4);
    this.#keepFixed(
      uid,
      addresses.length === 0 ? undefined : { tenant, host: pod.spec.host ?? '', addresses },
    );
  }

  #forget(uid: string): void {
    this.#parts.far.remove(uid);
    this.#keepFixed(uid, undefined);
  }

  #keepFixed(uid: string, fixed: Fixed | undefined): void {
    if (JSON.stringify(this.#fixed.get(uid)) === JSON.stringify(fixed)) return;
    if (fixed) this.#fixed.set(uid, fixed);
    else this.#fixed.delete(uid);
    for (const listener of this.#listeners) listener();
  }
}

/** What a host is told of a pod; undefined for its own, and for those that nobody here can reach. */
export function farPodOf(
  pod: Pod,
  here: string,
  known: { isShared(network: string): boolean; isThere(host: string): boolean },
): FarPod | undefined {
  const { meta, spec, status } = pod;
  if (spec.host === undefined || spec.host === here) return undefined;
  if (!isUp(status.phase) || !known.isThere(spec.host)) return undefined;
  const places = spec.networks.flatMap((on) => {
    const ipv4 = status.network?.addresses.find(({ network }) => network === on.name)?.ipv4;
    // The default network gives no names.
    if (ipv4 === undefined || on.name === 'default' || !known.isShared(on.name)) return [];
    return [{ network: on.name, ipv4, names: namesOn(pod, on) }];
  });
  if (places.length === 0) return undefined;
  return { tenant: meta.tenant, podId: meta.uid, podName: meta.name, places };
}

const isThere = (host: Host | undefined): boolean => host !== undefined && host.status.lostAt === undefined;
