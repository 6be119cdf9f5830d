import type { Clock, Logger, Random } from '@kraud/base';
import {
  type Arrival,
  Authority,
  CloudMembership,
  followRotation,
  formatAddress,
  type HostTrust,
  JoinTokens,
  LocalIdentity,
  Members,
  type Membership,
  type PeerAddress,
  type PeerLimits,
  serveJoins,
  TlsPeerListener,
  TlsPeerSessions,
} from '@kraud/host';
import type { Store, Tables } from '@kraud/macro';
import { joinObstacle, type Place, sharedStoreOf } from './join.ts';

export interface PeersParts {
  readonly store: Store;
  readonly limits: PeerLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** How long certificates live, where the cloud's settings say so. */
  readonly certificateTtlMs: () => number | undefined;
  /** How far the hosts that are not away have followed the CA. */
  readonly trusts: () => readonly (HostTrust | undefined)[];
  /** Whether the clocks of other hosts go about as this one's. */
  readonly agreesOnTime: () => boolean;
}

/** This host among others: what it is known by, where it is reached, and how it reaches them. */
export class Peers {
  readonly address: string;
  readonly listener: TlsPeerListener;
  readonly sessions: TlsPeerSessions;
  readonly membership: Membership;
  /** Resolves when the cloud has removed this host. */
  readonly removed: Promise<void>;
  readonly #at: PeerAddress;
  readonly #identity: LocalIdentity;
  readonly #members: Members;
  readonly #authority: Authority;
  readonly #parts: PeersParts;

  private constructor(
    at: PeerAddress,
    made: {
      authority: Authority;
      identity: LocalIdentity;
      members: Members;
      tokens: JoinTokens;
      obstacle: string | undefined;
    },
    parts: PeersParts,
  ) {
    const { authority, identity, members, tokens, obstacle } = made;
    const { limits, clock, logger } = parts;
    this.#parts = parts;
    this.#authority = authority;
    this.#at = at;
    this.#identity = identity;
    this.#members = members;
    this.address = formatAddress(at);
    this.listener = new TlsPeerListener({ identity, members, limits, logger });
    this.sessions = new TlsPeerSessions({ identity, limits, clock, logger });
    this.membership = new CloudMembership({ authority, tokens, members, address: at, obstacle });
    this.removed = new Promise((resolve) => {
      members.onRemoved((name) => {
        if (name === identity.name) resolve();
      });
    });
  }

  /** Undefined for a host that listens to no others. It is heard from `listen` on. */
  static async open(place: Place, parts: PeersParts): Promise<Peers | undefined> {
    const { name, listen, store: shared, files } = place;
    if (!listen || shared.kind === 'embedded') return undefined;
    const { store, limits, clock, random, logger } = parts;
    const certificateTtlMs = (): number => parts.certificateTtlMs() ?? limits.certificateTtlMs;
    const authority = await Authority.open({ ...parts, certificateTtlMs });
    const members = new Members(parts);
    const identity = await LocalIdentity.open(name, listen, { ...parts, files, authority, members });
    const tokens = new JoinTokens({ store, clock, random, limits, authority });
    const peers = new Peers(
      listen,
      { authority, identity, members, tokens, obstacle: joinObstacle(place) },
      parts,
    );
    serveJoins(peers.listener, {
      authority,
      identity,
      tokens,
      members,
      store: sharedStoreOf(shared),
      clock,
      limits,
      logger,
    });
    return peers;
  }

  /** How this host is to begin in its cloud; undefined once it has. */
  get arrival(): Arrival | undefined {
    return this.#identity.arrival;
  }

  async arrived(): Promise<void> {
    await this.#identity.arrived();
  }

  /** How far this host has followed the CA. */
  get trust(): HostTrust {
    return this.#identity.trust;
  }

  /** Calls when the certificate or the roots have changed. */
  onRenewed(listener: () => void): () => void {
    return this.#identity.onRenewed(listener);
  }

  /** After all handlers are in place. */
  async listen(): Promise<void> {
    await this.listener.listen(this.#at);
  }

  /** Renews the certificate, follows who belongs to the cloud and what its CA is, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const rotation = { ...this.#parts, authority: this.#authority, hosts: this.#parts.trusts };
    await Promise.all([
      this.#authority.run(signal),
      this.#identity.run(signal),
      this.#members.run(signal),
      followRotation(rotation, signal),
    ]);
  }

  async close(): Promise<void> {
    this.sessions.close();
    await this.listener.close();
  }
}

/** By their heartbeats: of a host that is alone nobody can say otherwise. */
export function agreesOnTime(
  { hosts }: Pick<Tables, 'hosts'>,
  self: string,
  nowMs: number,
  skewMs: number,
): boolean {
  const others = hosts.everywhere().filter(({ meta, status }) => meta.name !== self && status.ready);
  const isNear = (at: string): boolean => Math.abs(Date.parse(at) - nowMs) <= skewMs;
  return others.length === 0 || others.some(({ status }) => isNear(status.heartbeatAt));
}

/** Of the hosts that others reach; the rest have nothing to do with the CA, or catch up with it when they are back. */
export function trustsOf({ hosts }: Pick<Tables, 'hosts'>): (HostTrust | undefined)[] {
  return hosts
    .everywhere()
    .filter(({ status }) => status.ready && status.lostAt === undefined && status.address !== undefined)
    .map(({ status }) => status.trust);
}
