import { isIP } from 'node:net';
import { KraudError } from '@kraud/base';
import type { JoinWish } from '@kraud/cloud';

/** Where Swarm's managers listen unless they are told otherwise. */
export const swarmPort = 2377;

const wildcards = ['', '0.0.0.0', '::'];

/** `host:port` with the port that is meant, too; Docker's clients may leave it out. */
export function remoteAddress(text: string): string {
  const { host, port = swarmPort } = split('remoteAddr', text);
  if (host === '')
    throw new KraudError('invalid', `invalid remoteAddr ${JSON.stringify(text)}: empty address`);
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * Where a host will be reached: what it advertises, else what it listens on. An interface's name stands for its address;
 * `0.0.0.0` for none in particular.
 */
export function listenWish(
  {
    ListenAddr: listens = '',
    AdvertiseAddr: advertises = '',
  }: { ListenAddr?: string; AdvertiseAddr?: string },
  interfaceAddress: (name: string) => string | undefined,
): JoinWish['listen'] {
  const listen = split('ListenAddr', listens);
  const advertised = split('AdvertiseAddr', advertises);
  const port = advertised.port ?? listen.port ?? swarmPort;
  const named = [advertised.host, listen.host].find((host) => !wildcards.includes(host));
  if (named === undefined) return { port };
  const address = isIP(named) ? named : interfaceAddress(named);
  if (address === undefined) {
    throw new KraudError(
      'invalid',
      `${named} is neither an IP address nor an interface of this host that has one`,
    );
  }
  return { address, port };
}

function split(what: string, text: string): { host: string; port?: number } {
  const [, six, host, digits] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(text) ?? [];
  const given = six ?? host ?? (isIP(text) ? text : undefined);
  const port = digits === undefined ? undefined : Number(digits);
  if (given === undefined || (port !== undefined && !(port > 0 && port < 65_536))) {
    throw new KraudError('invalid', `invalid ${what} ${JSON.stringify(text)}: must be an address and a port`);
  }
  return { host: given, ...(port === undefined ? {} : { port }) };
}
