import { KraudError } from '@kraud/base';
import type { RegistryAuth } from '../contract.ts';
import { asText, optional, parseObject } from '../image/json.ts';

/**
 * Reads Docker's X-Registry-Auth header (base64url JSON) or the body of `POST /auth`. Undefined if it holds no
 * credentials. The message of a failure never repeats what was given.
 */
export function parseRegistryAuth(header: string | undefined): RegistryAuth | undefined {
  if (header === undefined || header === '') return undefined;
  const text = Buffer.from(header, 'base64url').toString();
  try {
    return readRegistryAuth(parseObject(text, 'X-Registry-Auth'));
  } catch {
    throw new KraudError('invalid', 'X-Registry-Auth is not valid: it must be base64url-encoded JSON');
  }
}

export function readRegistryAuth(json: Readonly<Record<string, unknown>>): RegistryAuth | undefined {
  const text = (key: string): string | undefined =>
    optional(json[key], (value) => asText(value, key)) || undefined;
  const joined = text('auth');
  const pair = joined === undefined ? undefined : Buffer.from(joined, 'base64').toString();
  const colon = pair?.indexOf(':') ?? -1;
  const auth = {
    username: text('username') ?? (colon > 0 ? pair?.slice(0, colon) : undefined),
    password: text('password') ?? (colon > 0 ? pair?.slice(colon + 1) : undefined),
    identityToken: text('identitytoken'),
    registryToken: text('registrytoken'),
    serverAddress: text('serveraddress'),
  };
  const { serverAddress: _, ...secrets } = auth;
  return Object.values(secrets).some((value) => value !== undefined) ? auth : undefined;
}
