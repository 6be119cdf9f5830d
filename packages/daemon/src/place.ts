import { KraudError } from '@kraud/base';
import { type Invitation, type PeerAddress, parseAddress, parseToken } from '@kraud/host';
import type { Flags } from './flags.ts';

/** What the command line says about this host's place in a cloud. What is absent comes from an earlier start. */
export interface PlaceConfig {
  readonly name?: string;
  readonly listen?: PeerAddress;
  readonly join?: Invitation;
  readonly labels: Readonly<Record<string, string>>;
  /** `--store` was given, so that a join must not bring another. */
  readonly storeGiven: boolean;
}

/** A name will do as well: the token says who must be there. */
const endpointPattern = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):\d{1,5}$/;
const namePattern = /^[a-zA-Z0-9]([-a-zA-Z0-9.]{0,61}[a-zA-Z0-9])?$/;

export function placeConfig(
  flags: Pick<Flags, 'name' | 'listen' | 'join' | 'labels' | 'store'>,
): PlaceConfig {
  const { name, listen, join, labels, store } = flags;
  if (name !== undefined && !namePattern.test(name)) {
    throw new KraudError(
      'invalid',
      `--name: '${name}' is not a host's name: up to 63 letters, digits, - and .`,
    );
  }
  return {
    ...(name === undefined ? {} : { name }),
    ...(listen === undefined ? {} : { listen: parseAddress('--listen', listen) }),
    ...(join === undefined ? {} : { join: parseInvitation(join) }),
    labels: Object.fromEntries((labels ?? []).map(parseLabel)),
    storeGiven: store !== undefined,
  };
}

function parseInvitation(text: string): Invitation {
  const at = text.indexOf('@');
  const [token, address] = [text.slice(0, Math.max(0, at)), text.slice(at + 1)];
  if (at < 0 || !endpointPattern.test(address)) {
    throw new KraudError('invalid', '--join must be TOKEN@ADDRESS:PORT, as kra host join-token prints it');
  }
  parseToken(token);
  return { token, address };
}

function parseLabel(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new KraudError('invalid', `--label must be KEY=VALUE, not '${text}'`);
  return [text.slice(0, at), text.slice(at + 1)];
}
