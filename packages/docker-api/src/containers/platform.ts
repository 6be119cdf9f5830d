import { KraudError } from '@kraud/base';

export interface Platform {
  readonly os: string;
  readonly architecture?: string;
  readonly variant?: string;
}

const aliases: Record<string, string> = { x86_64: 'amd64', 'x86-64': 'amd64', aarch64: 'arm64', i386: '386' };
const systems =
  'aix android darwin dragonfly freebsd hurd illumos ios js linux netbsd openbsd plan9 solaris wasip1 windows zos';
const architectures =
  '386 amd64 arm arm64 armel armhf loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x sparc64 wasm';
const isOneOf = (list: string, word: string): boolean => list.split(' ').includes(word);

/** `linux/amd64`, `linux/arm/v7`; of one word, `linux` is a system, `arm64` an architecture of Linux. */
export function parsePlatform(text: string): Platform {
  const parts = text.trim().toLowerCase().split('/');
  const [first = '', second, third] = parts;
  const words = parts.length <= 3 && parts.every((part) => /^[a-z0-9_.-]+$/.test(part));
  const named = (word: string): string => aliases[word] ?? word;
  if (words && second !== undefined) {
    return { os: first, architecture: named(second), ...(third === undefined ? {} : { variant: third }) };
  }
  if (words && isOneOf(systems, first)) return { os: first };
  if (words && isOneOf(architectures, named(first))) return { os: 'linux', architecture: named(first) };
  throw new KraudError(
    'invalid',
    `"${text.slice(0, 100)}": unknown operating system or architecture: invalid argument`,
  );
}
