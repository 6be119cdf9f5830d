import type { Clock, Logger, Random } from '@kraud/base';
import {
  type Arrival,
  Authority,
  CloudMembership,
  formatAddress,
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
import type { Store } from '@kraud/macro';
import { joinObstacle, type Place, sharedStoreOf } from './join.ts';

export interface PeersParts {
  readonly store: Store;
  readonly limits: PeerLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
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

  private constructor(
    at: PeerAddress,
    made: { identity: LocalIdentity; members: Members; tokens: JoinTokens; obstacle: string | undefined },
    { limits, clock, logger }: PeersParts,
  ) {
    const { identity, members, tokens, obstacle } = made;
    this.#at = at;
    this.#identity = identity;
    this.#members = members;
    this.address = formatAddress(at);
    this.listener = new TlsPeerListener({ identity, members, limits, logger });
    this.sessions = new TlsPeerSessions({ identity, limits, clock, logger });
    this.membership = new CloudMembership({ ca: identity.ca, tokens, members, address: at, obstacle });
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
    const authority = await Authority.open(parts);
    const members = new Members(parts);
    const identity = await LocalIdentity.open(name, listen, { ...parts, files, authority, members });
    const tokens = new JoinTokens({ store, clock, random, limits, authority: authority.digest });
    const peers = new Peers(listen, { identity, members, tokens, obstacle: joinObstacle(place) }, parts);
    serveJoins(peers.listener, {
      authority,
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

  /** After all handlers are in place. */
  async listen(): Promise<void> {
    await this.listener.listen(this.#at);
  }

  /** Renews the certificate, and follows who belongs to the cloud, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#identity.run(signal), this.#members.run(signal)]);
  }

  async close(): Promise<void> {
    this.sessions.close();
    await this.listener.close();
  }
}
