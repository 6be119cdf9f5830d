import type { Clock, Logger } from '@kraud/base';
import { type GateLimits, Gates, type HostApi } from '@kraud/host';
import { defaultTenant, type Tables } from '@kraud/macro';

export interface IngressPortsParts {
  /** This host. */
  readonly name: string;
  readonly tables: Pick<Tables, 'pods' | 'hosts'>;
  readonly hostOf: (name: string) => HostApi;
  readonly limits: GateLimits;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Ports of this host that lead to pods of any host, kept by what the store says of both. */
export function ingressPorts({ tables, ...parts }: IngressPortsParts): Gates {
  return new Gates({
    ...parts,
    pods: {
      list: () => tables.pods.cache.list().filter(({ spec }) => spec.ports.length > 0),
      subscribe: (listener) =>
        tables.pods.cache.subscribe((changes) => {
          const changed = changes.flatMap(({ before, after }) => after ?? before ?? []);
          const open = changed.filter(({ spec }) => spec.ports.length > 0);
          if (open.length > 0) listener(open);
        }),
    },
    isThere: (name) => {
      const host = tables.hosts.get({ tenant: defaultTenant, namespace: 'default', name });
      return host !== undefined && host.status.lostAt === undefined;
    },
    subscribeHosts: (listener) => tables.hosts.cache.subscribe(listener),
  });
}
