import { createPublicKey, hash, X509Certificate } from 'node:crypto';
import { type Clock, KraudError, type Logger, messageOf } from '@kraud/base';
import { formatAddress, type PeerAddress } from './address.ts';
import type { Authority } from './authority.ts';
import type { HostIdentity } from './contract.ts';
import { type Arrival, cloudOf, type IdentityFiles, type SavedIdentity } from './files.ts';
import { certificatesOf, digestOf, makeRequest } from './key.ts';
import type { PeerLimits } from './limits.ts';
import type { Members } from './members.ts';
import type { HostTrust } from './roots.ts';

export interface IdentityParts {
  readonly files: IdentityFiles;
  readonly authority: Pick<
    Authority,
    'cert' | 'trusted' | 'cloud' | 'certificateTtlMs' | 'issue' | 'onChanged'
  >;
  readonly members: Pick<Members, 'add' | 'has'>;
  readonly clock: Clock;
  readonly limits: PeerLimits;
  readonly logger: Logger;
}

/**
 * This host's name, key and certificate, kept on disk. The certificate is renewed when a third of its life is left,
 * when another root signs from now on, or when a clock that was set shows it to be from the future; by the cloud's CA,
 * for the same key.
 */
export class LocalIdentity implements HostIdentity {
  readonly name: string;
  readonly key: string;
  readonly #parts: IdentityParts;
  readonly #address: PeerAddress;
  readonly #listeners = new Set<() => void>();
  #saved: SavedIdentity;

  private constructor(parts: IdentityParts, key: string, saved: SavedIdentity, address: PeerAddress) {
    this.#parts = parts;
    this.#address = address;
    this.#saved = saved;
    this.name = saved.name;
    this.key = key;
  }

  /**
   * The one on disk, or a new one: whoever can write the store may name itself a host. `conflict` when the disk's is
   * of another cloud or name, `forbidden` when the cloud has removed this host.
   */
  static async open(name: string, address: PeerAddress, parts: IdentityParts): Promise<LocalIdentity> {
    const { files, members, authority } = parts;
    const key = await files.key();
    const keyDigest = hash('sha256', createPublicKey(key).export({ type: 'spki', format: 'der' }), 'hex');
    const present = await files.read();
    if (present) {
      if (cloudOf(present) !== authority.cloud) {
        throw new KraudError('conflict', `${files.dir} belongs to another cloud than the store`);
      }
      mustBeNamed(present, name);
      if (!(await members.has(name, keyDigest))) throw removed(name, files.dir);
    } else {
      await members.add(name, keyDigest);
    }
    const saved = present ?? { name, listen: formatAddress(address), cert: '', ca: authority.trusted };
    const identity = new LocalIdentity(parts, key, saved, address);
    if (!present || identity.#isDue() || !identity.#fits()) await identity.#renew();
    return identity;
  }

  get cert(): string {
    return this.#saved.cert;
  }

  get ca(): string {
    return this.#saved.ca;
  }

  /** The root that signed the certificate, PEM. */
  get issuer(): string {
    const cert = new X509Certificate(this.cert);
    return certificatesOf(this.ca).find((root) => isSignedBy(cert, root)) ?? this.#parts.authority.cert;
  }

  /** How far this host has come while a root takes another's place. */
  get trust(): HostTrust {
    return { issuer: digestOf(this.issuer), roots: certificatesOf(this.ca).map(digestOf) };
  }

  /** How this host is to begin in its cloud; undefined once it has. */
  get arrival(): Arrival | undefined {
    return this.#saved.arrival;
  }

  /** Its beginning is written into the cloud. */
  async arrived(): Promise<void> {
    const { arrival: _, ...saved } = this.#saved;
    await this.#parts.files.save(saved);
    this.#saved = saved;
  }

  onRenewed(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Renews in time, and whenever the CA's roots change, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { authority, clock, limits, logger } = this.#parts;
    let changed = new AbortController();
    const stop = authority.onChanged(() => changed.abort());
    let tried = false;
    while (!signal.aborted) {
      // The wall clock may be set meanwhile.
      const waitMs = tried ? limits.renewRetryMs : Math.min(limits.clockLookMs, Math.max(0, this.#dueInMs()));
      const wait = AbortSignal.any([signal, changed.signal]);
      if (tried || !this.#isDue()) await clock.sleep(waitMs, wait).catch(() => {});
      changed = new AbortController();
      tried = false;
      if (signal.aborted || !this.#isDue()) continue;
      tried = true;
      try {
        await this.#renew();
        logger.info({ until: new X509Certificate(this.cert).validTo }, 'the certificate was renewed');
      } catch (error) {
        logger.error({ error: messageOf(error) }, 'the certificate was not renewed');
      }
    }
    stop();
  }

  async #renew(): Promise<void> {
    const { authority, files } = this.#parts;
    const request = await makeRequest(this.name, this.key);
    const ca = authority.trusted;
    const cert = await authority.issue(request, { name: this.name, ip: this.#address.ip });
    const saved = { ...this.#saved, cert, ca, cloud: authority.cloud, listen: formatAddress(this.#address) };
    await files.save(saved);
    this.#saved = saved;
    for (const listener of this.#listeners) listener();
  }

  #isDue(): boolean {
    const { authority } = this.#parts;
    if (this.#dueInMs() <= 0 || this.ca !== authority.trusted) return true;
    return !isSignedBy(new X509Certificate(this.cert), authority.cert);
  }

  /** One that isn't valid yet was made while the clock was wrong; one that lives longer than it would now, before. */
  #dueInMs(): number {
    const { authority, clock, limits } = this.#parts;
    const { validFromDate, validToDate } = new X509Certificate(this.cert);
    const [fromMs, nowMs] = [validFromDate.getTime(), clock.now()];
    const toMs = Math.min(validToDate.getTime(), fromMs + limits.clockSkewMs + authority.certificateTtlMs);
    return nowMs < fromMs ? 0 : toMs - (toMs - fromMs) / 3 - nowMs;
  }

  /** Whether the certificate is for the address that we listen on now. */
  #fits(): boolean {
    const listens = this.#saved.listen === formatAddress(this.#address);
    return listens && new X509Certificate(this.cert).checkIP(this.#address.ip) !== undefined;
  }
}

const isSignedBy = (cert: X509Certificate, root: string): boolean => {
  const authority = new X509Certificate(root);
  return cert.checkIssued(authority) && cert.verify(authority.publicKey);
};

/** A host's name is for life: its pods, its certificate and its place in the store go by it. */
export function mustBeNamed(saved: SavedIdentity, name: string): void {
  if (saved.name === name) return;
  throw new KraudError(
    'conflict',
    `this data directory is that of the host ${saved.name}; it can’t be named ${name}`,
  );
}

function removed(name: string, dir: string): KraudError {
  return new KraudError(
    'forbidden',
    `the host ${name} was removed from its cloud; to let it join anew, delete ${dir} and give kraudd a new --join token`,
  );
}
