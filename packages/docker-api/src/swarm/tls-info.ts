import { X509Certificate } from 'node:crypto';

/** A CA's certificate (PEM), and its name and key as Docker's clients want them: DER, base64. Empty where there is none. */
export function tlsInfoOf(pem: string | undefined): Record<string, string> {
  if (pem === undefined) return { TrustRoot: '', CertIssuerSubject: '', CertIssuerPublicKey: '' };
  const { raw, publicKey } = new X509Certificate(pem);
  return {
    TrustRoot: pem,
    CertIssuerSubject: subjectOf(raw).toString('base64'),
    CertIssuerPublicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
  };
}

/**
 * The subject's DER within a certificate's. Certificate and TBSCertificate are sequences, one in the other; in the inner
 * one come version, serial number, algorithm, issuer, validity, subject.
 */
function subjectOf(der: Buffer): Buffer {
  const outer = elementAt(der, 0);
  const inner = elementAt(der, outer.content);
  let at = inner.content;
  for (let skipped = 0; skipped < 5; skipped += 1) at = elementAt(der, at).end;
  return der.subarray(at, elementAt(der, at).end);
}

/** Where the contents of the element that begins `at` begin and end. */
function elementAt(der: Buffer, at: number): { content: number; end: number } {
  const first = der.readUInt8(at + 1);
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const length = lengthBytes === 0 ? first : der.readUIntBE(at + 2, lengthBytes);
  const content = at + 2 + lengthBytes;
  return { content, end: content + length };
}
