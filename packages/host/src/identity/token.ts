import { KraudError } from '@kraud/base';

/** The parts of a join token: the CA's digest that the joiner checks, and what the cloud checks. All hex. */
export interface TokenParts {
  readonly authority: string;
  readonly id: string;
  readonly secret: string;
}

const pattern = /^kra-1-([0-9a-f]{64})-([0-9a-f]{16})-([0-9a-f]{32})$/;

/** `kra-1-AUTHORITY-ID-SECRET`, digits as lengths say: 64, 16, 32. */
export function formatToken({ authority, id, secret }: TokenParts): string {
  return `kra-1-${authority}-${id}-${secret}`;
}

export function parseToken(text: string): TokenParts {
  const [, authority, id, secret] = pattern.exec(text) ?? [];
  if (authority === undefined || id === undefined || secret === undefined) {
    throw new KraudError('invalid', 'invalid join token; make one with: kra host join-token');
  }
  return { authority, id, secret };
}
