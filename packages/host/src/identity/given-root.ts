import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { KraudError, messageOf } from '@kraud/base';
import { certificatesOf, digestOf } from './key.ts';
import { curves } from './root.ts';
import type { Root } from './roots.ts';
import { loadX509 } from './x509.ts';

const yearMs = 365 * 24 * 3_600_000;

/**
 * A root of the user's own, as it is kept; `invalid` unless hosts could verify certificates that it signs. `present`
 * are the roots that are trusted already.
 */
export async function checkGivenRoot(given: Root, present: readonly Root[], nowMs: number): Promise<Root> {
  const cert = parsedCert(given.cert);
  const key = parsedKey(given.key);
  const isOwn = cert.checkIssued(cert) && cert.verify(cert.publicKey);
  if (!cert.ca || !isOwn) throw invalid('the desired CA certificate must be a root: a CA, signed by itself');
  if (!(await maySign(cert))) throw invalid('the desired CA certificate may not sign other certificates');
  if (!cert.checkPrivateKey(key)) throw invalid('the CA key does not belong to the CA certificate');
  if (cert.validFromDate.getTime() > nowMs) throw invalid('the CA certificate is not valid yet');
  if (cert.validToDate.getTime() < nowMs + yearMs) throw invalid('CA certificate expires too soon');
  const root = { cert: cert.toString(), key: key.export({ type: 'pkcs8', format: 'pem' }).toString() };
  mustBeTold(root, present);
  return root;
}

function parsedCert(pem: string): X509Certificate {
  if (certificatesOf(pem).length > 1) {
    throw invalid('the desired CA certificate cannot contain multiple certificates');
  }
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw invalid('could not parse the desired CA certificate', error);
  }
}

function parsedKey(pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
    if (key.asymmetricKeyType === 'ec' && curves.has(namedCurve ?? '')) return key;
    if (key.asymmetricKeyType === 'rsa' && modulusLength >= rsaBitsMin) return key;
  } catch (error) {
    throw invalid(`could not parse the CA key, which must not be encrypted: ${messageOf(error)}`, error);
  }
  throw invalid('the CA key must be one of P-256, P-384 or P-521, or an RSA key of 2048 bits or more');
}

const rsaBitsMin = 2048;

/** A certificate that says nothing of what its key may be used for allows everything. */
async function maySign(cert: X509Certificate): Promise<boolean> {
  const x509 = await loadX509();
  const usage = new x509.X509Certificate(cert.raw).getExtension(x509.KeyUsagesExtension);
  return !usage || (usage.usages & x509.KeyUsageFlags.keyCertSign) !== 0;
}

/** OpenSSL finds a certificate's issuer by its name: two roots of one name would be taken for each other. */
function mustBeTold(root: Root, present: readonly Root[]): void {
  const { subject } = new X509Certificate(root.cert);
  for (const other of present) {
    if (digestOf(other.cert) === digestOf(root.cert)) continue;
    if (new X509Certificate(other.cert).subject !== subject) continue;
    throw invalid(
      `the desired CA certificate has the subject of one that is trusted now (${subject}); give it another`,
    );
  }
}

function invalid(message: string, cause?: unknown): KraudError {
  return new KraudError('invalid', message, cause === undefined ? {} : { cause });
}
