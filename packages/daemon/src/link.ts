import { type Clock, KraudError, type Logger, type Random } from '@kraud/base';
import { type HostApi, type LinkLimits, LinkServer, linkedHost, linkPrefix, widen } from '@kraud/host';
import { defaultNamespace, defaultTenant, type Host, type Tables } from '@kraud/macro';
import type { Peers } from './peers.ts';

export interface LinkParts {
  /** This host's name. */
  readonly name: string;
  readonly tables: Pick<Tables, 'hosts'>;
  /** Absent on a cloud of one. */
  readonly peers: Pick<Peers, 'listener' | 'sessions'> | undefined;
  readonly limits: LinkLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** The other hosts of the cloud, and this one for them. */
export class HostLinks {
  readonly #parts: LinkParts;
  readonly #linked = new Map<string, HostApi>();

  constructor(parts: LinkParts) {
    this.#parts = parts;
  }

  /** Answers what the others ask of this host. */
  serve(host: HostApi): void {
    const server = new LinkServer({ ...this.#parts, host });
    this.#parts.peers?.listener.handle(linkPrefix, (stream, headers) => void server.serve(stream, headers));
  }

  /** Another host; `unavailable` when it can't be reached. */
  to(name: string): HostApi {
    const { peers, limits } = this.#parts;
    if (!peers) throw new KraudError('unavailable', `the host ${name} can't be reached: give --listen here`);
    this.#record(name);
    const known = this.#linked.get(name);
    if (known) return known;
    const made = linkedHost(name, () => {
      const session = peers.sessions.session(this.#record(name));
      widen(session, limits);
      return session;
    });
    this.#linked.set(name, made);
    return made;
  }

  /** All others that are not known to be away; those first that have this image. */
  others(image?: string): HostApi[] {
    const { name, tables, peers } = this.#parts;
    if (!peers) return [];
    const has = ({ status }: Host): number => Number(image !== undefined && status.images?.includes(image));
    return tables.hosts
      .everywhere()
      .filter(({ meta, status }) => meta.name !== name && isReachable(status))
      .sort((a, b) => has(b) - has(a))
      .map(({ meta }) => this.to(meta.name));
  }

  #record(name: string): Host {
    const host = this.#parts.tables.hosts.get({
      tenant: defaultTenant,
      namespace: defaultNamespace,
      name,
    });
    if (host) return host;
    throw new KraudError('unavailable', `the host ${name} is no longer part of the cloud`);
  }
}

const isReachable = ({ ready, lostAt, address }: Host['status']): boolean =>
  ready && lostAt === undefined && address !== undefined;
