import { readFileSync } from 'node:fs';
import { cpus, hostname, release, totalmem } from 'node:os';
import type { HostFacts } from '../contract.ts';
import type { HostParts } from '../parts.ts';

/** What this machine is, measured now. */
export function hostFacts({ cradle, network, dataDir, pods }: HostParts): HostFacts {
  const { warm, warmMax, moulds, running, vmm, guestKernel } = cradle.status();
  const system = osRelease();
  return {
    hostname: hostname(),
    cpus: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    guestKernel,
    operatingSystem: system.PRETTY_NAME ?? 'Linux',
    osVersion: system.VERSION_ID ?? '',
    // In Go's words, as images and constraints have it.
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    accelerator: cradle.accelerator(),
    vmm,
    dataDir,
    slots: {
      warm: warm.reduce((sum, { count }) => sum + count, 0),
      running,
      warmMax,
      moulds: moulds.length,
      asleep: pods.list().filter(({ status }) => status.asleep).length,
    },
    warnings: [...network.warnings],
  };
}

/** `/etc/os-release`, whose values may be quoted. */
export function parseOsRelease(text: string): Record<string, string> {
  const pairs = text.split('\n').flatMap((line) => {
    const match = /^([A-Z_]+)=(.*)$/.exec(line.trim());
    return match?.[1] ? [[match[1], (match[2] ?? '').replace(/^(["'])(.*)\1$/, '$2')] as const] : [];
  });
  return Object.fromEntries(pairs);
}

function osRelease(): Record<string, string> {
  try {
    return parseOsRelease(readFileSync('/etc/os-release', 'utf8'));
  } catch {
    // A machine without it has no name to show.
    return {};
  }
}
