import { isIP } from 'node:net';
import { KraudError } from '@kraud/base';
import type { PublishedPort } from '@kraud/cloud';
import type { HostBody } from './body.ts';

interface Port {
  protocol: 'tcp' | 'udp';
  port: number;
}

/** `80/tcp`, `80`, `8000-8010/udp`. */
export function exposedOf(keys: readonly string[]): Port[] {
  return keys.flatMap((key) => {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/([a-z]+))?$/i.exec(key);
    const first = Number(match?.[1] ?? 0);
    const last = Number(match?.[2] ?? first);
    if (!match || first < 1 || last > 65_535 || last < first) {
      throw new KraudError('invalid', `invalid port specification: "${key}"`);
    }
    const protocol = protocolOf(match[3] ?? 'tcp', key);
    return Array.from({ length: last - first + 1 }, (_, i) => ({ protocol, port: first + i }));
  });
}

function protocolOf(text: string, key: string): 'tcp' | 'udp' {
  const protocol = text.toLowerCase();
  if (protocol === 'tcp' || protocol === 'udp') return protocol;
  if (protocol === 'sctp')
    throw new KraudError('unsupported', `port ${key} is not supported: tcp and udp are`);
  throw new KraudError('invalid', `invalid port specification: "${key}": invalid proto: ${text}`);
}

export function portsOf(bindings: NonNullable<HostBody['PortBindings']>): PublishedPort[] {
  return Object.entries(bindings).flatMap(([key, wanted]) => {
    const ports = exposedOf([key]);
    return ports.flatMap(({ protocol, port }) =>
      wanted.map((binding) => ({
        protocol,
        podPort: port,
        hostIp: hostIp(binding.HostIp ?? ''),
        ...hostPort(binding.HostPort ?? ''),
      })),
    );
  });
}

function hostIp(text: string): string {
  const bare = text.replace(/^\[(.*)\]$/, '$1');
  if (bare !== '' && isIP(bare) === 0) throw new KraudError('invalid', `invalid IP address: ${text}`);
  return bare;
}

/** '' and 0 ask for any free port, `8000-8010` for a free one of those. */
function hostPort(text: string): Pick<PublishedPort, 'hostPort' | 'among'> {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text || '0');
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? first);
  if (!match || last > 65_535 || last < first || (first === 0 && last > 0)) {
    throw new KraudError('invalid', `invalid port specification: "${text}"`);
  }
  return first === last ? { hostPort: first } : { hostPort: 0, among: { first, last } };
}
