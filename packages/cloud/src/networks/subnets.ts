import { isIPv4 } from 'node:net';
import { KraudError } from '@kraud/base';

/** A block of IPv4 addresses: from `first` to `last`, as numbers. */
export interface Block {
  readonly first: number;
  readonly last: number;
}

const prefixMin = 8;
/** A gateway and one pod. */
export const prefixMax = 30;

export function blockOf(text: string, what: string): Block {
  const [address = '', prefixText = ''] = text.split('/');
  const prefix = Number(prefixText);
  if (!isIPv4(address) || !/^\d{1,2}$/.test(prefixText) || prefix > 32) {
    throw new KraudError('invalid', `invalid ${what} ${text}: invalid CIDR block notation`);
  }
  const size = 2 ** (32 - prefix);
  const first = numberOf(address);
  if (first % size !== 0) {
    const masked = textOf(first - (first % size));
    throw new KraudError('invalid', `invalid ${what} ${text}: it should be ${masked}/${prefix}`);
  }
  return { first, last: first + size - 1 };
}

const numberOf = (ipv4: string): number =>
  ipv4.split('.').reduce((value, part) => value * 256 + Number(part), 0);
export const textOf = (value: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
const holds = (outer: Block, inner: Block): boolean => outer.first <= inner.first && inner.last <= outer.last;

/** Refuses a subnet, gateway or range that doesn't fit together, in Docker's words where it has some. */
export function checkAddresses({
  subnet,
  gateway,
  range,
  reserved = {},
}: {
  readonly subnet?: string | undefined;
  readonly gateway?: string | undefined;
  readonly range?: string | undefined;
  readonly reserved?: Readonly<Record<string, string>> | undefined;
}): void {
  if (subnet === undefined) {
    const [auxiliary] = Object.values(reserved);
    const [what, value] =
      gateway !== undefined
        ? ['gateway', gateway]
        : range !== undefined
          ? ['range', range]
          : ['aux-address', auxiliary];
    if (value !== undefined) throw new KraudError('invalid', `no matching subnet for ${what} ${value}`);
    return;
  }
  const block = blockOf(subnet, 'subnet');
  const prefix = Number(subnet.split('/')[1]);
  if (prefix < prefixMin || prefix > prefixMax) {
    throw new KraudError(
      'invalid',
      `invalid subnet ${subnet}: the prefix must be from ${prefixMin} to ${prefixMax}`,
    );
  }
  if (gateway !== undefined) {
    const at = isIPv4(gateway) ? numberOf(gateway) : -1;
    if (at <= block.first || at >= block.last) {
      throw new KraudError('invalid', `no matching subnet for gateway ${gateway}`);
    }
  }
  if (range !== undefined && !holds(block, blockOf(range, 'range'))) {
    throw new KraudError('invalid', `no matching subnet for range ${range}`);
  }
  for (const address of Object.values(reserved)) {
    if (!isIn(subnet, address))
      throw new KraudError('invalid', `no matching subnet for aux-address ${address}`);
  }
}

/** True for a host address of the subnet. */
export function isIn(subnet: string, ipv4: string): boolean {
  if (!isIPv4(ipv4)) return false;
  const { first, last } = blockOf(subnet, 'subnet');
  const at = numberOf(ipv4);
  return at > first && at < last;
}

export function overlap(a: string, b: string): boolean {
  const [one, other] = [blockOf(a, 'subnet'), blockOf(b, 'subnet')];
  return one.first <= other.last && other.first <= one.last;
}

/** The first address of a subnet that a pod or gateway can have. */
export const firstOf = (subnet: string): string => textOf(blockOf(subnet, 'subnet').first + 1);
