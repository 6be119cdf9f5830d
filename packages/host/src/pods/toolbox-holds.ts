import type { Pod } from '@kraud/macro';

interface Hold {
  readonly tenant: string;
  readonly volumes: ReadonlySet<string>;
  readonly over: PromiseWithResolvers<void>;
}

/**
 * The volumes that toolboxes have. A pod that is to run waits until those are given back, which is soon; a toolbox
 * waits for nobody, so that no two wait for each other.
 */
export class ToolboxHolds {
  readonly #holds = new Map<string, Hold>();

  begin(pod: Pod, volumes: readonly string[]): void {
    const { uid, tenant } = pod.meta;
    this.end(uid);
    this.#holds.set(uid, { tenant, volumes: new Set(volumes), over: Promise.withResolvers() });
  }

  end(uid: string): void {
    this.#holds.get(uid)?.over.resolve();
    this.#holds.delete(uid);
  }

  /** Resolves once the toolbox that has the volume is gone; undefined if none has it. */
  over(tenant: string, volume: string): Promise<void> | undefined {
    for (const hold of this.#holds.values())
      if (hold.tenant === tenant && hold.volumes.has(volume)) return hold.over.promise;
    return undefined;
  }
}
