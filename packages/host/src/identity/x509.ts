import type * as X509 from '@peculiar/x509';

let loaded: Promise<typeof X509> | undefined;

/** The library, when it is first needed: a cloud of one host never pays for it. */
export function loadX509(): Promise<typeof X509> {
  loaded ??= import('reflect-metadata').then(() => import('@peculiar/x509'));
  return loaded;
}

export const signing = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
