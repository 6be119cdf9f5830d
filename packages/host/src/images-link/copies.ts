import { createHash } from 'node:crypto';
import type { Host } from '@kraud/macro';

/**
 * Which of the cloud's images host `here` is to copy, so that each is on `copiesMin` hosts. All hosts find the same
 * answer by themselves: for each image the hosts that lack it have an order of their own, and the first ones are it.
 * An image that no host has is nobody's to copy.
 */
export function copiesFor(
  here: string,
  images: readonly string[],
  hosts: readonly Host[],
  copiesMin: number,
): string[] {
  const there = hosts.filter(({ status }) => status.ready && status.lostAt === undefined);
  return images.filter((id) => {
    const has = there.filter(({ status }) => status.images?.includes(id));
    if (has.length === 0 || has.length >= copiesMin) return false;
    const chosen = there
      .filter((host) => !has.includes(host))
      .map(({ meta }) => ({ name: meta.name, rank: rankOf(id, meta.name) }))
      .sort((a, b) => (a.rank < b.rank ? -1 : 1))
      .slice(0, copiesMin - has.length);
    return chosen.some(({ name }) => name === here);
  });
}

const rankOf = (id: string, host: string): string =>
  createHash('sha256').update(`${id} ${host}`).digest('hex');
