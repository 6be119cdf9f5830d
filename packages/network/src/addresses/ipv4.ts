import { KraudError } from '@kraud/base';

/** An IPv4 address as a whole number from 0 to 2³² - 1. */
export type Ipv4 = number;

/** Strict dotted quad, no leading zeros: `172.17.0.2`. */
export function parseIpv4(text: string): Ipv4 {
  const parts = text.split('.');
  const ok = parts.length === 4 && parts.every((p) => /^(0|[1-9]\d{0,2})$/.test(p) && Number(p) <= 255);
  if (!ok) throw new KraudError('invalid', `invalid IPv4 address: '${text}'`);
  return parts.reduce((value, part) => value * 256 + Number(part), 0);
}

export function formatIpv4(address: Ipv4): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

/** A block of addresses: all from `first` to `last`. */
export class Subnet {
  readonly first: Ipv4;
  readonly last: Ipv4;
  readonly prefix: number;

  constructor(first: Ipv4, prefix: number) {
    this.first = first;
    this.prefix = prefix;
    this.last = first + 2 ** (32 - prefix) - 1;
  }

  /** `10.1.0.0/16`; bits after the prefix must be zero. */
  static parse(text: string): Subnet {
    const match = /^([\d.]+)\/(\d{1,2})$/.exec(text);
    const prefix = Number(match?.[2]);
    if (!match?.[1] || prefix > 32) throw new KraudError('invalid', `invalid subnet: '${text}'`);
    const first = parseIpv4(match[1]);
    if (first % 2 ** (32 - prefix) !== 0) {
      throw new KraudError('invalid', `invalid subnet '${text}': it has address bits after the prefix`);
    }
    return new Subnet(first, prefix);
  }

  contains(address: Ipv4): boolean {
    return address >= this.first && address <= this.last;
  }

  overlaps(other: Subnet): boolean {
    return this.first <= other.last && other.first <= this.last;
  }

  toString(): string {
    return `${formatIpv4(this.first)}/${this.prefix}`;
  }
}

/** Docker's way: `02:42` and the four bytes of the address. */
export function macOf(address: Ipv4): string {
  const bytes = [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256);
  return ['02', '42', ...bytes.map((b) => b.toString(16).padStart(2, '0'))].join(':');
}

/** Lower case with colons. Refused: broadcast and multicast, which no interface can have. */
export function parseMac(text: string): string {
  const mac = text.toLowerCase().replaceAll('-', ':');
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac) || Number.parseInt(mac.slice(0, 2), 16) % 2 === 1) {
    throw new KraudError('invalid', `invalid MAC address: '${text}'`);
  }
  return mac;
}
