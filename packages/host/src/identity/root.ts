import { createPrivateKey, createPublicKey, hash, webcrypto } from 'node:crypto';
import { cryptoKeysOf, makeKey } from './key.ts';
import type { PeerLimits } from './limits.ts';
import type { Root } from './roots.ts';
import { loadX509, signing } from './x509.ts';

/** A root of our own. Each has another name: OpenSSL finds the issuer of a certificate by that. */
export async function makeRoot(
  nowMs: number,
  limits: Pick<PeerLimits, 'clockSkewMs' | 'authorityTtlMs'>,
): Promise<Root> {
  const x509 = await loadX509();
  const key = makeKey();
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [`Kraud ${hash('sha256', spki, 'hex').slice(0, 16)}`] }],
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

/** Those that a root's key may be of, by OpenSSL's names. */
export const curves: ReadonlyMap<string, { namedCurve: string; hash: string }> = new Map([
  ['prime256v1', { namedCurve: 'P-256', hash: 'SHA-256' }],
  ['secp384r1', { namedCurve: 'P-384', hash: 'SHA-384' }],
  ['secp521r1', { namedCurve: 'P-521', hash: 'SHA-512' }],
]);

/** A root's key, as WebCrypto has it, and how it signs. */
export async function signerOf(
  pem: string,
): Promise<{ privateKey: webcrypto.CryptoKey; algorithm: { name: string; hash: string } }> {
  const key = createPrivateKey(pem);
  const curve = curves.get(key.asymmetricKeyDetails?.namedCurve ?? '');
  const algorithm = curve ? { name: 'ECDSA', ...curve } : { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' });
  return {
    privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']),
    algorithm,
  };
}
