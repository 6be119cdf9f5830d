import { KraudError } from '@kraud/base';
import type { Platform } from '../contract.ts';
import type { IndexEntry } from './manifest.ts';
import { fitness, formatPlatform } from './platform.ts';

/** The entries that fit a platform, best first. One without a platform fits any, after those that say. */
export function fitting(entries: readonly IndexEntry[], platform: Platform): readonly IndexEntry[] {
  return entries
    .filter((entry) => entry.annotations['vnd.docker.reference.type'] !== 'attestation-manifest')
    .map((entry) => ({
      entry,
      rank: entry.platform ? fitness(platform, entry.platform) : Number.MAX_SAFE_INTEGER,
    }))
    .filter((ranked): ranked is { entry: IndexEntry; rank: number } => ranked.rank !== undefined)
    .sort((a, b) => a.rank - b.rank)
    .map(({ entry }) => entry);
}

/** The best one. Fails with Docker's own words if there is none. */
export function selectPlatform(entries: readonly IndexEntry[], platform: Platform): IndexEntry {
  const best = fitting(entries, platform)[0];
  if (best) return best;
  const offered = entries.flatMap((entry) => (entry.platform ? [formatPlatform(entry.platform)] : []));
  throw new KraudError(
    'not-found',
    `no matching manifest for ${formatPlatform(platform)} in the manifest list entries` +
      (offered.length > 0 ? ` (it has ${[...new Set(offered)].slice(0, 20).join(', ')})` : ''),
  );
}
