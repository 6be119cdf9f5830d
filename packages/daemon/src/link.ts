import { type Clock, KraudError, type Logger, type Random } from '@kraud/base';
import { type HostApi, type LinkLimits, LinkServer, linkedHost, linkPrefix, widen } from '@kraud/host';
import { defaultTenant, type Host, type Tables } from '@kraud/macro';
import type { Peers } from './peers.ts';

export interface LinkParts {
  /** The agent of this host. */
  readonly here: HostApi;
  readonly tables: Pick<Tables, 'hosts'>;
  /** Absent on a cloud of one. */
  readonly peers: Pick<Peers, 'listener' | 'sessions'> | undefined;
  readonly limits: LinkLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Finds any host of the cloud by name (no name: this one), and lets the others ask this one. */
export function linkHosts(parts: LinkParts): (name: string | undefined) => HostApi {
  const { here, tables, peers, limits } = parts;
  const server = new LinkServer({ ...parts, host: here });
  peers?.listener.handle(linkPrefix, (stream, headers) => void server.serve(stream, headers));
  const hostNamed = (name: string): Host => {
    const host = tables.hosts.get({ tenant: defaultTenant, namespace: 'default', name });
    if (host) return host;
    throw new KraudError('unavailable', `the host ${name} is no longer part of the cloud`);
  };
  const linked = new Map<string, HostApi>();
  return (name) => {
    if (name === undefined || name === here.name) return here;
    if (!peers) throw new KraudError('unavailable', `the host ${name} can't be reached: give --listen here`);
    hostNamed(name);
    const known = linked.get(name);
    if (known) return known;
    const made = linkedHost(name, () => {
      const session = peers.sessions.session(hostNamed(name));
      widen(session, limits);
      return session;
    });
    linked.set(name, made);
    return made;
  };
}
