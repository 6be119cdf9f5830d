import { KraudError } from '@kraud/base';
import type { Platform } from '../contract.ts';

/** What runs here: see `normalise` for its spelling. */
export function hostPlatform(): Platform {
  return normalise({ os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch });
}

const architectures: Record<string, Omit<Platform, 'os'>> = {
  x86_64: { architecture: 'amd64' },
  'x86-64': { architecture: 'amd64' },
  aarch64: { architecture: 'arm64' },
  armhf: { architecture: 'arm', variant: 'v7' },
  armel: { architecture: 'arm', variant: 'v6' },
  i386: { architecture: '386' },
};

/** One spelling for each platform: `x86_64` is `amd64`, `arm64/v8` is `arm64`, `amd64/v1` is `amd64`. */
export function normalise(platform: Platform): Platform {
  const lower = platform.architecture.toLowerCase();
  const known = architectures[lower] ?? { architecture: lower };
  const variant = platform.variant?.toLowerCase() || known.variant;
  const implied =
    (known.architecture === 'arm64' && variant === 'v8') ||
    (known.architecture === 'amd64' && variant === 'v1');
  const base = { os: platform.os.toLowerCase() || 'linux', architecture: known.architecture };
  return variant === undefined || implied ? base : { ...base, variant };
}

/**
 * | text           | platform                |
 * | -------------- | ----------------------- |
 * | `linux/amd64`  | linux, amd64            |
 * | `linux/arm/v7` | linux, arm, v7          |
 * | `arm64`        | this host's os, arm64   |
 * | `linux`        | linux, this host's architecture |
 */
export function parsePlatform(text: string): Platform {
  const parts = text.split('/');
  if (parts.length > 3 || parts.some((part) => !/^[A-Za-z0-9_.-]+$/.test(part)))
    throw new KraudError(
      'invalid',
      `"${text.slice(0, 100)}" is an invalid OS/architecture: must be os/arch[/variant]`,
    );
  const [first = '', second, third] = parts;
  if (second !== undefined) return normalise({ os: first, architecture: second, variant: third });
  const isOs = ['linux', 'windows', 'darwin', 'freebsd'].includes(first.toLowerCase());
  return normalise(isOs ? { ...hostPlatform(), os: first } : { os: 'linux', architecture: first });
}

export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant].filter(Boolean).join('/');
}

/** Lower is better; undefined doesn't run. A lower variant of the same architecture runs on a higher one. */
export function fitness(wanted: Platform, offered: Platform): number | undefined {
  const want = normalise(wanted);
  const offer = normalise(offered);
  if (want.os !== offer.os || want.architecture !== offer.architecture) return undefined;
  const distance = variantNumber(want) - variantNumber(offer);
  return distance < 0 ? undefined : distance;
}

function variantNumber(platform: Platform): number {
  const fallback = platform.architecture === 'arm' ? 7 : platform.architecture === 'arm64' ? 8 : 1;
  return platform.variant === undefined
    ? fallback
    : Number(/^v(\d+)/.exec(platform.variant)?.[1] ?? fallback);
}
