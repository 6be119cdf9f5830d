import { KraudError } from '@kraud/base';
import type { RegistryAuth } from '@kraud/cloud';
import type { Call } from '../call.ts';

/** `X-Registry-Auth`: base64url of a JSON object. Its values are never logged or kept. */
export function registryAuth(call: Call): RegistryAuth | undefined {
  const header = call.req.headers['x-registry-auth'];
  if (typeof header !== 'string' || header === '') return undefined;
  let decoded: unknown;
  try {
    decoded = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
  } catch {
    throw new KraudError('invalid', 'invalid X-Registry-Auth header: it is not JSON in base64url');
  }
  if (typeof decoded !== 'object' || decoded === null) return undefined;
  return authOf(decoded);
}

export function authOf(fields: object): RegistryAuth | undefined {
  const text = (name: string): string => {
    const value: unknown = Reflect.get(fields, name);
    return typeof value === 'string' ? value : '';
  };
  const basic = text('auth') === '' ? ['', ''] : split(Buffer.from(text('auth'), 'base64').toString('utf8'));
  const auth = {
    username: text('username') || basic[0],
    password: text('password') || basic[1],
    identityToken: text('identitytoken'),
    registryToken: text('registrytoken'),
  };
  const said = Object.entries(auth).filter(([, value]) => value !== '' && value !== undefined);
  return said.length > 0 ? Object.fromEntries(said) : undefined;
}

function split(text: string): [string, string] {
  const at = text.indexOf(':');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
