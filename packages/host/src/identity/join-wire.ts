import { type ErrorCode, KraudError } from '@kraud/base';
import type { JoinRole } from './contract.ts';
import type { SharedStore } from './files.ts';

export const authorityPath = '/kraud/join/authority';
export const joinPath = '/kraud/join';

/** What a joiner sends. */
export interface JoinRequest {
  readonly token: string;
  readonly name: string;
  /** `ip:port` where the others will reach it. */
  readonly address: string;
  /** PKCS #10, PEM. */
  readonly request: string;
}

/** What it gets once its token was found good. */
export interface JoinReply {
  readonly cert: string;
  /** All roots that hosts trust. */
  readonly ca: string;
  /** Absent from a host of before roots could be replaced. */
  readonly cloud?: string;
  readonly store: SharedStore;
  readonly role: JoinRole;
}

export function parseJoinRequest(text: string): JoinRequest {
  const body = objectOf(text);
  return {
    token: stringAt(body, 'token'),
    name: stringAt(body, 'name'),
    address: stringAt(body, 'address'),
    request: stringAt(body, 'request'),
  };
}

export function parseJoinReply(text: string): JoinReply {
  const body = objectOf(text);
  const store = objectOf(JSON.stringify(body.store));
  const tls = (['ca', 'cert', 'key'] as const).filter((name) => store[name] !== undefined);
  return {
    cert: stringAt(body, 'cert'),
    ca: stringAt(body, 'ca'),
    ...(body.cloud === undefined ? {} : { cloud: stringAt(body, 'cloud') }),
    role: body.role === 'manager' ? 'manager' : 'worker',
    store: {
      address: stringAt(store, 'address'),
      ...Object.fromEntries(tls.map((name) => [name, stringAt(store, name)])),
    },
  };
}

/** The fault that the other end told of. */
export function faultOf(text: string): KraudError {
  const body = objectOf(text);
  const code = codes.find((each) => each === body.code);
  return new KraudError(code ?? 'unavailable', stringAt(body, 'message'));
}

const codes: readonly ErrorCode[] = [
  'invalid',
  'unauthenticated',
  'exists',
  'conflict',
  'exhausted',
  'unavailable',
];

function objectOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch (error) {
    throw new KraudError('invalid', 'a message between hosts is not JSON', { cause: error });
  }
  throw new KraudError('invalid', 'a message between hosts is not an object');
}

function stringAt(body: Record<string, unknown>, name: string): string {
  const value = body[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new KraudError('invalid', `a message between hosts has no '${name}'`);
}
