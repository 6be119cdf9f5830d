/** An IPv4 address as a number. */
export const numberOf = (ipv4: string): number =>
  ipv4.split('.').reduce((value, part) => value * 256 + Number(part), 0);

export const textOf = (value: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');

/** The first and the last address of a block: `10.1.0.0/16`. */
export function endsOf(block: string): { first: number; last: number } {
  const [address = '', prefix = ''] = block.split('/');
  const first = numberOf(address);
  return { first, last: first + 2 ** (32 - Number(prefix)) - 1 };
}
