import { X509Certificate } from 'node:crypto';
import type { CloudCa, Host } from '@kraud/cloud';

/** What nodes are to come to: clients tell by comparing these with a node's how many have. */
export function clusterTlsInfo(ca: CloudCa | undefined): Record<string, string> {
  return tlsInfoOf(ca?.root.cert, (ca?.next ?? ca?.root)?.cert);
}

/** What the node has come to. One that listens for no others has no certificate, and nothing to do about it. */
export function nodeTlsInfo({ status }: Host, ca: CloudCa | undefined): Record<string, string> {
  if (!ca || status.address === undefined) return clusterTlsInfo(ca);
  const known = (digest: string | undefined): string | undefined =>
    ca.trusted.find((root) => root.digest === digest)?.cert;
  return tlsInfoOf(known(status.trust?.roots[0]), known(status.trust?.issuer));
}

/** Certificates as PEM, and the issuer's name and key as Docker's clients want them: DER, base64. Empty where there is none. */
function tlsInfoOf(root: string | undefined, issuer: string | undefined): Record<string, string> {
  const TrustRoot = root ?? '';
  if (issuer === undefined) return { TrustRoot, CertIssuerSubject: '', CertIssuerPublicKey: '' };
  const { raw, publicKey } = new X509Certificate(issuer);
  return {
    TrustRoot,
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
