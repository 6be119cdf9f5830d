import { KraudError } from '@kraud/base';

export interface Platform {
  readonly os: string;
  readonly architecture?: string;
  readonly variant?: string;
}

const aliases: Record<string, string> = { x86_64: 'amd64', 'x86-64': 'amd64', aarch64: 'arm64' };

/** `linux/amd64`, `linux/arm/v7`, `linux`. */
export function parsePlatform(text: string): Platform {
  const match = /^([a-z]+)(?:\/([a-z0-9_-]+)(?:\/([a-z0-9]+))?)?$/i.exec(text.trim());
  if (!match)
    throw new KraudError(
      'invalid',
      `"${text.slice(0, 100)}": unknown operating system or architecture: invalid argument`,
    );
  const architecture = match[2]?.toLowerCase();
  return {
    os: (match[1] ?? '').toLowerCase(),
    ...(architecture === undefined ? {} : { architecture: aliases[architecture] ?? architecture }),
    ...(match[3] === undefined ? {} : { variant: match[3].toLowerCase() }),
  };
}
