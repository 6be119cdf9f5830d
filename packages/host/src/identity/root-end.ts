import { X509Certificate } from 'node:crypto';
import type { PeerLimits } from './limits.ts';
import type { Root } from './roots.ts';

/** As `makeRoot` names them. */
const ownSubject = /^CN=Kraud [0-9a-f]{16}$/;

/**
 * Whether a root is so near its end that another has to take its place. One of our own goes early, while every host has time
 * to be back and follow; one that a user gave stays as long as certificates can be whole, for its user to give the next.
 */
export function endsSoon(
  { cert }: Root,
  nowMs: number,
  limits: Pick<PeerLimits, 'rootReplaceBeforeMs' | 'givenRootReplaceBeforeMs'>,
  certificateTtlMs: number,
): boolean {
  const { subject, validToDate } = new X509Certificate(cert);
  const leftMs = validToDate.getTime() - nowMs;
  if (!ownSubject.test(subject)) return leftMs < limits.givenRootReplaceBeforeMs;
  return leftMs < Math.max(limits.rootReplaceBeforeMs, certificateTtlMs);
}
