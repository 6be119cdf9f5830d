import { type Random, systemRandom } from './random.ts';

/** 64 hex digits, as Docker shows for containers. */
export function newId(random: Random = systemRandom): string {
  return random.bytes(32).toString('hex');
}

/** 12 hex digits, enough for names that one host gives to its own things. */
export function newShortId(random: Random = systemRandom): string {
  return random.bytes(6).toString('hex');
}
