const uidDigits = 32;
const compactDigits = 25;

/**
 * The shorter form of a 64-digit id, as Swarm writes its own: 25 digits of base 36 for the first 128 bits. It names the
 * same thing, since the beginning of an id does: `uidStartOf` leads back.
 *
 * | uid             | compact                     |
 * | --------------- | --------------------------- |
 * | `0000…` (64)    | `0000000000000000000000000` |
 * | `ffff…` (64)    | `f5lxx1zz5pnorynqglhzmsp33` |
 */
export function compactId(uid: string): string {
  return BigInt(`0x${uid.slice(0, uidDigits)}`)
    .toString(36)
    .padStart(compactDigits, '0');
}

/** The first 32 digits of the id that this is the compact form of; undefined if it is of none. */
export function uidStartOf(compact: string): string | undefined {
  if (!/^[0-9a-z]{25}$/.test(compact)) return undefined;
  let value = 0n;
  for (const digit of compact) value = value * 36n + BigInt(Number.parseInt(digit, 36));
  const start = value.toString(16).padStart(uidDigits, '0');
  return start.length === uidDigits ? start : undefined;
}
