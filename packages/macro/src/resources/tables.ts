import type { Clock, Logger } from '@kraud/base';
import { Cache } from '../cache/cache.ts';
import { compileSchemas } from '../model/encoding.ts';
import type { Kind, Kinds } from '../model/kinds.ts';
import type { Store } from '../store/contract.ts';
import { ResourceClient } from './client.ts';
import { Table } from './table.ts';

/** What the tables are made of. */
export interface TableParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A table for each kind that is kept in memory (events aren't: see `EventLog`), over one store. */
export class Tables {
  readonly pods: Table<'Pod'>;
  readonly workloads: Table<'Workload'>;
  readonly secrets: Table<'Secret'>;
  readonly configs: Table<'Config'>;
  readonly images: Table<'Image'>;
  readonly volumes: Table<'Volume'>;
  readonly networks: Table<'Network'>;
  readonly hosts: Table<'Host'>;
  readonly namespaces: Table<'Namespace'>;
  readonly tenants: Table<'Tenant'>;

  constructor(parts: TableParts) {
    this.pods = tableOf('Pod', parts, {
      host: (pod) => (pod.spec.host === undefined ? [] : [pod.spec.host]),
    });
    this.workloads = tableOf('Workload', parts);
    this.secrets = tableOf('Secret', parts);
    this.configs = tableOf('Config', parts);
    this.images = tableOf('Image', parts);
    this.volumes = tableOf('Volume', parts);
    this.networks = tableOf('Network', parts);
    this.hosts = tableOf('Host', parts);
    this.namespaces = tableOf('Namespace', parts);
    this.tenants = tableOf('Tenant', parts);
  }

  get #caches(): readonly { run(signal: AbortSignal): Promise<void>; ready(): Promise<void> }[] {
    const all = [
      this.pods,
      this.workloads,
      this.secrets,
      this.configs,
      this.images,
      this.volumes,
      this.networks,
      this.hosts,
      this.namespaces,
      this.tenants,
    ];
    return all.map((table) => table.cache);
  }

  /** Feeds all caches until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const running = this.#caches.map((cache) => cache.run(signal));
    // Stopped before it was ready: then nothing needs to be ahead.
    await this.ready().then(compileSchemas, () => {});
    await Promise.all(running);
  }

  /** Resolves once every cache has its first list. */
  async ready(): Promise<void> {
    await Promise.all(this.#caches.map((cache) => cache.ready()));
  }
}

/** A table with the indexes that every kind has: `tenant`, and `label` by `key` and by `key=value`. */
export function tableOf<K extends Kind>(
  kind: K,
  parts: TableParts,
  indexes: Readonly<Record<string, (resource: Kinds[K]) => readonly string[]>> = {},
): Table<K> {
  const label = (resource: Kinds[K]): string[] =>
    Object.entries(resource.meta.labels).flatMap(([key, value]) => [key, `${key}=${value}`]);
  return new Table(new ResourceClient(kind, parts), new Cache(kind, parts, { ...indexes, label }));
}
