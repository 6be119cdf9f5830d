import { createHash, type Hash } from 'node:crypto';
import { KraudError } from '@kraud/base';
import type { Digest } from './contract.ts';

const sha256Pattern = /^sha256:[0-9a-f]{64}$/;

export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && sha256Pattern.test(text);
}

/** Only SHA-256, in its canonical form: everything that Docker and OCI tools write by default. */
export function parseDigest(text: unknown): Digest {
  if (isDigest(text)) return text;
  const algorithm = typeof text === 'string' ? /^([a-z0-9]+):/.exec(text)?.[1] : undefined;
  if (algorithm !== undefined && algorithm !== 'sha256')
    throw new KraudError('unsupported', `unsupported digest algorithm: ${algorithm}`);
  throw new KraudError('invalid', `invalid digest: '${String(text).slice(0, 100)}'`);
}

export function digestOf(bytes: Uint8Array | string): Digest {
  return finish(createHash('sha256').update(bytes));
}

export function finish(hash: Hash): Digest {
  return `sha256:${hash.digest('hex')}`;
}

/** The hex digits, for file names and short ids. */
export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length);
}

/** 12 digits, as Docker shows layers and ids. */
export function shortOf(digest: Digest): string {
  return hexOf(digest).slice(0, 12);
}
