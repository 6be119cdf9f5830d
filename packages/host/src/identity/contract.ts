import type { ClientHttp2Session, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Host } from '@kraud/macro';

/** Certificate and key of a host, and the roots that it trusts, PEM. The key was made on this host and never leaves it. */
export interface Credentials {
  readonly cert: string;
  readonly key: string;
  /** One root, or several after one another while one takes another's place. */
  readonly ca: string;
}

/** Who this host is to the others of its cloud. */
export interface HostIdentity extends Credentials {
  readonly name: string;
  /** Calls when certificate or roots have changed, with the new ones in place. Answers what ends the calls. */
  onRenewed(listener: () => void): () => void;
}

/** A root's certificate, PEM, and its SHA-256. */
export interface KnownRoot {
  readonly digest: string;
  readonly cert: string;
}

/** The cloud's CA, as who looks on sees it. */
export interface CloudCa {
  /** What hosts trust; while it is being replaced, the one that is to go. */
  readonly root: KnownRoot;
  /** What is to take its place; absent at rest. */
  readonly next?: KnownRoot;
  /** All that are trusted now. */
  readonly trusted: readonly KnownRoot[];
}

/** What a host is to be in Swarm's eyes. */
export type JoinRole = 'manager' | 'worker';

/** What another machine joins with. */
export interface JoinToken {
  /** Whoever has it may join until it expires or is revoked. */
  readonly token: string;
  /** `ip:port` of the host that gave it. */
  readonly address: string;
  /** ISO 8601. */
  readonly expiresAt: string;
}

/** Who belongs to the cloud. A host that was removed is refused by all others, and its next start fails. */
export interface Membership {
  readonly ca: CloudCa;
  /**
   * Looks whether the CA's root can be replaced, by one that is given (certificate and key, PEM) or by a new one. What it
   * answers begins that, and resolves once it is certain to happen.
   */
  rotation(given?: { cert: string; key: string }): Promise<() => Promise<void>>;
  /** `ttlMs` absent: a token for a day, or the one given last while that is good for half a day more. */
  issueToken(ttlMs?: number, role?: JoinRole): Promise<JoinToken>;
  /** All, or those of one role. */
  revokeTokens(role?: JoinRole): Promise<void>;
  remove(name: string): Promise<void>;
}

/** The host at the other end, by its certificate. */
export interface Peer {
  readonly name: string;
}

export type PeerHandler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, peer: Peer) => void;

/** Where other hosts reach this one: HTTP/2 over mutual TLS. */
export interface PeerListener {
  /**
   * Requests whose path begins with `prefix` go to `handler`. Only members of the cloud get that far: the peer has
   * a certificate of our CA, and has not been removed.
   */
  handle(prefix: string, handler: PeerHandler): void;
}

/** Sessions with other hosts, one for each, made when first asked for and again after one has ended. */
export interface PeerSessions {
  /**
   * An open session, or one that is being opened: requests may be made at once. The other end has proved to be the
   * very host that was asked for; otherwise its requests fail. `unavailable` when the host has no address.
   */
  session(host: Host): ClientHttp2Session;
}
