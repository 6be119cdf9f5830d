import { KraudError } from '@kraud/base';

export interface Platform {
  readonly os: string;
  readonly architecture?: string;
  readonly variant?: string;
}

const osAliases: Record<string, string> = { macos: 'darwin' };
const aliases: Record<string, string> = { x86_64: 'amd64', 'x86-64': 'amd64', aarch64: 'arm64', i386: '386' };
const systems =
  'aix android darwin dragonfly freebsd hurd illumos ios js linux netbsd openbsd plan9 solaris wasip1 windows zos';
const architectures =
  '386 amd64 arm arm64 armel armhf loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x sparc64 wasm';
const component = /^[a-z0-9_.-]+$/;
const isOneOf = (list: string, word: string): boolean => list.split(' ').includes(word);

/** `linux/amd64`, `linux/arm/v7`; of one word, `linux` is a system, `arm64` an architecture of Linux. */
export function parsePlatform(text: string): Platform {
  const parts = text.toLowerCase().split('/');
  const wrong = parts.find((part) => !component.test(part));
  const quoted = JSON.stringify(text.slice(0, 100));
  if (wrong !== undefined) {
    throw new KraudError(
      'invalid',
      `${JSON.stringify(wrong.slice(0, 100))} is an invalid component of ${quoted}: platform specifier component must match "${component.source}": invalid argument`,
    );
  }
  if (parts.length > 3)
    throw new KraudError('invalid', `${quoted}: cannot parse platform specifier: invalid argument`);
  const [first = '', second, third] = parts;
  const os = osAliases[first] ?? first;
  const named = (word: string): string => aliases[word] ?? word;
  if (second !== undefined) {
    return { os, architecture: named(second), ...(third === undefined ? {} : { variant: third }) };
  }
  if (isOneOf(systems, os)) return { os };
  if (isOneOf(architectures, named(first))) return { os: 'linux', architecture: named(first) };
  throw new KraudError('invalid', `${quoted}: unknown operating system or architecture: invalid argument`);
}
