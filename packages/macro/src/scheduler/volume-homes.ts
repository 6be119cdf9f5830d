import type { Pod, Volume } from '../model/index.ts';

const keyOf = (tenant: string, name: string): string => `${tenant}/${name}`;

/**
 * Which host a volume is on. One that is nowhere yet will be made where its first pod starts; until then the first pod
 * that has been bound with it says where, so that no two are bound to different hosts.
 */
export class VolumeHomes {
  readonly #volumes = new Map<string, Volume>();
  /** By volume, then by pod: the pod's host. */
  readonly #claims = new Map<string, Map<string, string>>();

  set(volume: Volume): void {
    this.#volumes.set(keyOf(volume.meta.tenant, volume.meta.name), volume);
  }

  remove(volume: Volume): void {
    this.#volumes.delete(keyOf(volume.meta.tenant, volume.meta.name));
  }

  claim({ meta }: Pod, volumes: readonly string[], host: string): void {
    for (const name of volumes) {
      const key = keyOf(meta.tenant, name);
      let claims = this.#claims.get(key);
      if (!claims) {
        claims = new Map();
        this.#claims.set(key, claims);
      }
      claims.set(meta.uid, host);
    }
  }

  release({ meta }: Pod, volumes: readonly string[]): void {
    for (const name of volumes) {
      const key = keyOf(meta.tenant, name);
      const claims = this.#claims.get(key);
      claims?.delete(meta.uid);
      if (claims?.size === 0) this.#claims.delete(key);
    }
  }

  /** For a pod that isn't bound yet; undefined: any host will do. */
  of(tenant: string, name: string, isHere: (host: string) => boolean): string | undefined {
    const key = keyOf(tenant, name);
    const placed = this.#volumes.get(key)?.status.host;
    if (placed !== undefined) return placed;
    for (const host of this.#claims.get(key)?.values() ?? []) if (isHere(host)) return host;
    return undefined;
  }
}
