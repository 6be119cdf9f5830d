import { createPublicKey, hash, X509Certificate } from 'node:crypto';
import { type Clock, KraudError, type Logger, messageOf } from '@kraud/base';
import { formatAddress, type PeerAddress } from './address.ts';
import type { Authority } from './authority.ts';
import type { HostIdentity } from './contract.ts';
import type { Arrival, IdentityFiles, SavedIdentity } from './files.ts';
import { digestOf, makeRequest } from './key.ts';
import type { PeerLimits } from './limits.ts';
import type { Members } from './members.ts';

export interface IdentityParts {
  readonly files: IdentityFiles;
  readonly authority: Pick<Authority, 'cert' | 'digest' | 'issue'>;
  readonly members: Pick<Members, 'add' | 'has'>;
  readonly clock: Clock;
  readonly limits: PeerLimits;
  readonly logger: Logger;
}

/**
 * This host's name, key and certificate, kept on disk. The certificate is renewed when a third of its life is left,
 * or when a clock that was set shows it to be from the future, by the cloud's CA, for the same key.
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
      if (digestOf(present.ca) !== authority.digest) {
        throw new KraudError('conflict', `${files.dir} belongs to another cloud than the store`);
      }
      mustBeNamed(present, name);
      if (!(await members.has(name, keyDigest))) throw removed(name, files.dir);
    } else {
      await members.add(name, keyDigest);
    }
    const saved = present ?? { name, listen: formatAddress(address), cert: '', ca: authority.cert };
    const identity = new LocalIdentity(parts, key, saved, address);
    if (!present || identity.#dueInMs() <= 0 || !identity.#fits()) await identity.#renew();
    return identity;
  }

  get cert(): string {
    return this.#saved.cert;
  }

  get ca(): string {
    return this.#saved.ca;
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

  /** Renews in time, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, limits, logger } = this.#parts;
    let retry = false;
    while (!signal.aborted) {
      // The wall clock may be set meanwhile.
      const waitMs = retry ? limits.renewRetryMs : Math.min(limits.clockLookMs, Math.max(0, this.#dueInMs()));
      await clock.sleep(waitMs, signal).catch(() => {});
      if (signal.aborted) return;
      if (this.#dueInMs() > 0) continue;
      try {
        await this.#renew();
        retry = false;
        logger.info({ until: new X509Certificate(this.cert).validTo }, 'the certificate was renewed');
      } catch (error) {
        retry = true;
        logger.error({ error: messageOf(error) }, 'the certificate was not renewed');
      }
    }
  }

  async #renew(): Promise<void> {
    const { authority, files } = this.#parts;
    const request = await makeRequest(this.name, this.key);
    const cert = await authority.issue(request, { name: this.name, ip: this.#address.ip });
    const saved = { ...this.#saved, cert, ca: authority.cert, listen: formatAddress(this.#address) };
    await files.save(saved);
    this.#saved = saved;
    for (const listener of this.#listeners) listener();
  }

  /** One that isn't valid yet was made while the clock was wrong. */
  #dueInMs(): number {
    const { validFromDate, validToDate } = new X509Certificate(this.cert);
    const [fromMs, toMs, nowMs] = [validFromDate.getTime(), validToDate.getTime(), this.#parts.clock.now()];
    return nowMs < fromMs ? 0 : toMs - (toMs - fromMs) / 3 - nowMs;
  }

  /** Whether the certificate is for the address that we listen on now. */
  #fits(): boolean {
    const listens = this.#saved.listen === formatAddress(this.#address);
    return listens && new X509Certificate(this.cert).checkIP(this.#address.ip) !== undefined;
  }
}

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
