import { X509Certificate } from 'node:crypto';
import { type Clock, KraudError } from '@kraud/base';
import type { Store } from '@kraud/macro';
import { cryptoKeysOf, digestOf, keyOfRequest, makeKey } from './key.ts';
import type { PeerLimits } from './limits.ts';
import { loadX509, signing } from './x509.ts';

const storeKey = '/cluster/ca';

/**
 * The cloud's own certificate authority. It stands in the shared store, so that every host can renew its
 * certificate and let others join: who can read the store is trusted with all of the cloud anyway.
 */
export class Authority {
  /** PEM. */
  readonly cert: string;
  readonly #key: string;
  readonly #clock: Clock;
  readonly #limits: PeerLimits;

  private constructor(stored: { cert: string; key: string }, parts: { clock: Clock; limits: PeerLimits }) {
    this.cert = stored.cert;
    this.#key = stored.key;
    this.#clock = parts.clock;
    this.#limits = parts.limits;
  }

  /** The store's, made if it has none. Of several that make one at a time, one wins and all have it. */
  static async open(parts: { store: Store; clock: Clock; limits: PeerLimits }): Promise<Authority> {
    const { entry } = await parts.store.get(storeKey);
    if (entry) return new Authority(parse(entry.value), parts);
    const value = JSON.stringify(await makeAuthority(parts.clock.now(), parts.limits));
    const { succeeded, responses } = await parts.store.txn({
      compare: [{ key: storeKey, target: 'exists', is: false }],
      success: [{ op: 'put', key: storeKey, value }],
      failure: [{ op: 'get', key: storeKey }],
    });
    const [present] = responses;
    const winner = !succeeded && present?.op === 'get' ? present.entry?.value : value;
    return new Authority(parse(winner ?? value), parts);
  }

  /** What tells this cloud from every other. */
  get digest(): string {
    return digestOf(this.cert);
  }

  /** A host's certificate, PEM. Only the key is taken from the request; the name is what the caller has checked. */
  async issue(request: string, host: { name: string; ip: string }): Promise<string> {
    const x509 = await loadX509();
    const publicKey = await keyOfRequest(request);
    const { privateKey } = await cryptoKeysOf(this.#key);
    const authority = new x509.X509Certificate(this.cert);
    const nowMs = this.#clock.now();
    const cert = await x509.X509CertificateGenerator.create({
      subject: [{ CN: [host.name] }],
      issuer: authority.subjectName,
      notBefore: new Date(nowMs - this.#limits.clockSkewMs),
      notAfter: new Date(nowMs + this.#limits.certificateTtlMs),
      publicKey,
      signingKey: privateKey,
      signingAlgorithm: signing,
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
    return cert.toString('pem');
  }
}

async function makeAuthority(nowMs: number, limits: PeerLimits): Promise<{ cert: string; key: string }> {
  const x509 = await loadX509();
  const key = makeKey();
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: ['Kraud'] }],
    notBefore: new Date(nowMs - limits.clockSkewMs),
    notAfter: new Date(nowMs + limits.authorityTtlMs),
    keys: await cryptoKeysOf(key),
    signingAlgorithm: signing,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  return { cert: cert.toString('pem'), key };
}

function parse(value: string): { cert: string; key: string } {
  const stored: unknown = JSON.parse(value);
  if (typeof stored === 'object' && stored !== null && 'cert' in stored && 'key' in stored) {
    const [cert, key] = [String(stored.cert), String(stored.key)];
    if (new X509Certificate(cert).ca) return { cert, key };
  }
  throw new KraudError('corrupt', `what is stored at ${storeKey} is not a certificate authority`);
}
