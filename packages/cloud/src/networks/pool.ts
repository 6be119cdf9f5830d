import { KraudError } from '@kraud/base';
import type { SubnetPool } from '../swarm/contract.ts';
import { blockOf, overlap, prefixMax, textOf } from './subnets.ts';

const words = 'default address pool';

/** Refuses blocks that aren't, that overlap, or that are smaller than one subnet. */
export function checkPool({ blocks, prefix }: SubnetPool): void {
  if (!Number.isInteger(prefix) || prefix < 1 || prefix > prefixMax) {
    throw new KraudError('invalid', `invalid subnet size ${prefix}: it must be from 1 to ${prefixMax}`);
  }
  for (const [at, block] of blocks.entries()) {
    blockOf(block, words);
    if (Number(block.split('/')[1]) > prefix) {
      throw new KraudError(
        'invalid',
        `invalid CIDR: "${block}". Subnet size is too small for pool: ${prefix}`,
      );
    }
    const other = blocks.slice(0, at).find((before) => overlap(before, block));
    if (other !== undefined) {
      throw new KraudError('invalid', `invalid CIDR: "${block}" overlaps with ${other} in the ${words}`);
    }
  }
}

/** The pool's subnets that none of `taken` overlaps, from the first on. */
export function* freeSubnets({ blocks, prefix }: SubnetPool, taken: readonly string[]): Generator<string> {
  const size = 2 ** (32 - prefix);
  for (const text of blocks) {
    const { first, last } = blockOf(text, words);
    for (let at = first; at + size - 1 <= last; at += size) {
      const subnet = `${textOf(at)}/${prefix}`;
      if (!taken.some((other) => overlap(other, subnet))) yield subnet;
    }
  }
}
