import { X509Certificate } from 'node:crypto';
import { Backoff, type Clock, codeOf, KraudError, type Logger, messageOf, silentLogger } from '@kraud/base';
import { CompactedError, type Store } from '@kraud/macro';
import type { CloudCa } from './contract.ts';
import { checkGivenRoot } from './given-root.ts';
import { digestOf, keyOfRequest } from './key.ts';
import type { PeerLimits } from './limits.ts';
import { makeRoot, signerOf } from './root.ts';
import { endsSoon } from './root-end.ts';
import {
  firstRoots,
  formatRoots,
  type HostTrust,
  isAtRest,
  nextStep,
  parseRoots,
  type Root,
  type Roots,
  withTarget,
} from './roots.ts';
import { loadX509 } from './x509.ts';

const storeKey = '/cluster/ca';
const retries = { firstMs: 500, maxMs: 10_000 };

export interface AuthorityParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly limits: PeerLimits;
  readonly logger?: Logger;
  /** How long certificates of hosts live, as of now; without it as the limits say. */
  readonly certificateTtlMs?: (() => number) | undefined;
}

/**
 * The cloud's own certificate authority. It stands in the shared store, so that every host can renew its
 * certificate and let others join: who can read the store is trusted with all of the cloud anyway. What this process
 * knows of it is the store's while `run` does.
 */
export class Authority {
  readonly #parts: AuthorityParts;
  readonly #listeners = new Set<() => void>();
  #value: string;
  #roots: Roots;

  private constructor(value: string, parts: AuthorityParts) {
    this.#value = value;
    this.#roots = parseRoots(value);
    this.#parts = parts;
  }

  /** The store's, made if it has none. Of several that make one at a time, one wins and all have it. */
  static async open(parts: AuthorityParts): Promise<Authority> {
    const { entry } = await parts.store.get(storeKey);
    if (entry) return new Authority(entry.value, parts);
    const value = formatRoots(firstRoots(await makeRoot(parts.clock.now(), parts.limits)));
    const { succeeded, responses } = await parts.store.txn({
      compare: [{ key: storeKey, target: 'exists', is: false }],
      success: [{ op: 'put', key: storeKey, value }],
      failure: [{ op: 'get', key: storeKey }],
    });
    const [present] = responses;
    const winner = !succeeded && present?.op === 'get' ? present.entry?.value : value;
    return new Authority(winner ?? value, parts);
  }

  /** The root that signs, PEM. */
  get cert(): string {
    return this.#roots.issuer.cert;
  }

  /** All roots that hosts trust, PEM, one after the other; the oldest first. */
  get trusted(): string {
    return this.#roots.trusted.map(({ cert }) => cert.trim()).join('\n');
  }

  /** What tells this cloud from every other. */
  get cloud(): string {
    return this.#roots.cloud;
  }

  get certificateTtlMs(): number {
    return this.#parts.certificateTtlMs?.() ?? this.#parts.limits.certificateTtlMs;
  }

  /** For who looks on. */
  get state(): CloudCa {
    const { trusted, issuer, target } = this.#roots;
    const roots = trusted.map(({ cert }) => ({ digest: digestOf(cert), cert }));
    const at = (root: Root) =>
      roots[trusted.indexOf(root)] ?? { digest: digestOf(root.cert), cert: root.cert };
    const [oldest = at(issuer)] = roots;
    return {
      root: isAtRest(this.#roots) ? at(issuer) : oldest,
      ...(isAtRest(this.#roots) ? {} : { next: at(target) }),
      trusted: roots,
    };
  }

  /** Whether it is one of the roots that hosts trust. */
  trusts(digest: string): boolean {
    return this.#roots.trusted.some(({ cert }) => digestOf(cert) === digest);
  }

  /** Calls when the roots have changed, or which of them signs. */
  onChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Looks whether the root could take the place of the one that there is; without one, a new one is made. What it
   * answers begins that, and may be called after anything else has been checked.
   */
  async rotation(given?: Root): Promise<() => Promise<void>> {
    const { clock, limits } = this.#parts;
    const root = given
      ? await checkGivenRoot(given, this.#roots.trusted, clock.now())
      : await makeRoot(clock.now(), limits);
    withTarget(this.#roots, root);
    return () => this.#change((roots) => withTarget(roots, root));
  }

  /** Takes the step that may be taken when the hosts have come so far, if there is one. */
  async advance(hosts: readonly (HostTrust | undefined)[]): Promise<void> {
    if (nextStep(this.#roots, hosts)) await this.#change((roots) => nextStep(roots, hosts));
  }

  /**
   * Begins to put a new root in the place of one that nears its end; false when it doesn't. Of several hosts that find so, one
   * begins.
   */
  async replaceEnding(): Promise<boolean> {
    const { clock, limits } = this.#parts;
    const { issuer } = this.#roots;
    const nowMs = clock.now();
    if (!isAtRest(this.#roots) || !endsSoon(issuer, nowMs, limits, this.certificateTtlMs)) return false;
    const [ending, root] = [digestOf(issuer.cert), await makeRoot(nowMs, limits)];
    let begun = false;
    await this.#change((roots) => {
      begun = isAtRest(roots) && digestOf(roots.issuer.cert) === ending;
      return begun ? withTarget(roots, root) : undefined;
    });
    return begun;
  }

  /** A host's certificate, PEM. Only the key is taken from the request; the name is what the caller has checked. */
  async issue(request: string, host: { name: string; ip: string }): Promise<string> {
    const x509 = await loadX509();
    const publicKey = await keyOfRequest(request);
    const { cert, key } = this.#roots.issuer;
    const { privateKey, algorithm } = await signerOf(key);
    const nowMs = this.#parts.clock.now();
    const endMs = Math.min(nowMs + this.certificateTtlMs, new X509Certificate(cert).validToDate.getTime());
    const made = await x509.X509CertificateGenerator.create({
      subject: [{ CN: [host.name] }],
      issuer: new x509.X509Certificate(cert).subjectName,
      notBefore: new Date(nowMs - this.#parts.limits.clockSkewMs),
      notAfter: new Date(endMs),
      publicKey,
      signingKey: privateKey,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.serverAuth,
          x509.ExtendedKeyUsage.clientAuth,
        ]),
        new x509.SubjectAlternativeNameExtension([
          { type: 'dns', value: host.name },
          { type: 'ip', value: host.ip },
        ]),
      ],
    });
    return made.toString('pem');
  }

  /** Follows the store until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger = silentLogger } = this.#parts;
    const backoff = new Backoff(retries);
    while (!signal.aborted) {
      try {
        await this.#follow(signal, () => backoff.reset());
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof CompactedError) continue;
        logger.warn({ error: messageOf(error), code: codeOf(error) }, 'the CA is not followed');
        await clock.sleep(backoff.next(), signal).catch(() => {});
      }
    }
  }

  async #follow(signal: AbortSignal, seen: () => void): Promise<void> {
    const { store } = this.#parts;
    const { entry, revision } = await store.get(storeKey);
    seen();
    if (entry) this.#saw(entry.value);
    for await (const batch of store.watch(storeKey, { fromRevision: revision + 1, signal })) {
      for (const event of batch.events) {
        if (event.type === 'put' && event.entry.key === storeKey) this.#saw(event.entry.value);
      }
    }
  }

  /** On what the store has at the time; nothing is written when there is nothing to change. */
  async #change(change: (roots: Roots) => Roots | undefined): Promise<void> {
    const { store } = this.#parts;
    for (;;) {
      const { entry } = await store.get(storeKey);
      if (!entry) throw new KraudError('corrupt', `nothing is stored at ${storeKey}`);
      const next = change(parseRoots(entry.value));
      if (!next) return this.#saw(entry.value);
      const value = formatRoots(next);
      const { succeeded } = await store.txn({
        compare: [{ key: storeKey, target: 'modRevision', op: '=', to: entry.modRevision }],
        success: [{ op: 'put', key: storeKey, value }],
      });
      if (succeeded) return this.#saw(value);
    }
  }

  #saw(value: string): void {
    if (value === this.#value) return;
    this.#roots = parseRoots(value);
    this.#value = value;
    for (const listener of this.#listeners) listener();
  }
}
