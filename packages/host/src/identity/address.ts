import { isIP, isIPv6 } from 'node:net';
import { KraudError } from '@kraud/base';

export interface PeerAddress {
  readonly ip: string;
  readonly port: number;
}

/** `10.0.0.5:7070` or `[fd00::5]:7070`. What isn't an address that others can connect to is refused. */
export function parseAddress(flag: string, text: string): PeerAddress {
  const [, six, four, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const ip = six ?? four ?? '';
  const port = Number(digits);
  if (!isIP(ip) || (six !== undefined && !isIPv6(six)) || !(port >= 1 && port <= 65_535)) {
    throw new KraudError('invalid', `${flag} must be IP:PORT, not '${text}'`);
  }
  if (ip === '0.0.0.0' || ip === '::') {
    throw new KraudError('invalid', `${flag} must be an address that other hosts can reach, not ${ip}`);
  }
  return { ip, port };
}

export function formatAddress({ ip, port }: PeerAddress): string {
  return isIPv6(ip) ? `[${ip}]:${port}` : `${ip}:${port}`;
}
