import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  webcrypto,
  X509Certificate,
} from 'node:crypto';
import { KraudError } from '@kraud/base';
import { loadX509, signing } from './x509.ts';

/** A private key for a host or a CA, PKCS #8 PEM. */
export function makeKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: signing.namedCurve });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** As WebCrypto has it, to sign with. */
export async function cryptoKeysOf(key: string): Promise<webcrypto.CryptoKeyPair> {
  const { subtle } = webcrypto;
  const pkcs8 = createPrivateKey(key).export({ type: 'pkcs8', format: 'der' });
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return {
    privateKey: await subtle.importKey('pkcs8', pkcs8, signing, true, ['sign']),
    publicKey: await subtle.importKey('spki', spki, signing, true, ['verify']),
  };
}

/** What a host is known by: the SHA-256 of its public key, the same through all renewals. Hex. */
export function keyDigestOf(cert: X509Certificate): string {
  return hash('sha256', cert.publicKey.export({ type: 'spki', format: 'der' }), 'hex');
}

/** SHA-256 of the whole certificate, hex: what join tokens pin. */
export function digestOf(cert: string): string {
  return hash('sha256', new X509Certificate(cert).raw, 'hex');
}

/** Each of the certificates that stand after one another, PEM. */
export function certificatesOf(bundle: string): string[] {
  return bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}

/** The common name, which is the host's name. */
export function nameOf(cert: X509Certificate): string | undefined {
  return /^CN=(.+)$/m.exec(cert.subject)?.[1];
}

/** A request for a certificate, signed with the key that it is for. PEM. */
export async function makeRequest(name: string, key: string): Promise<string> {
  const x509 = await loadX509();
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [name] }],
    keys: await cryptoKeysOf(key),
    signingAlgorithm: signing,
  });
  return request.toString('pem');
}

/** The public key of a request whose sender has proved to have the private one; otherwise `invalid`. */
export async function keyOfRequest(request: string): Promise<ArrayBuffer> {
  const x509 = await loadX509();
  try {
    const parsed = new x509.Pkcs10CertificateRequest(request);
    if (await parsed.verify()) return parsed.publicKey.rawData;
  } catch (error) {
    throw new KraudError('invalid', 'the certificate request can’t be read', { cause: error });
  }
  throw new KraudError('invalid', 'the certificate request is not signed with its own key');
}
