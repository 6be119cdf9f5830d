import { posix } from 'node:path';
import { KraudError } from '@kraud/base';
import type { ContainerDraft } from '../contract.ts';

/** Devices that are not of any machine: the guest's kernel makes them. */
const ofKernel: ReadonlySet<string> = new Set(
  ['fuse', 'net/tun', 'null', 'zero', 'full', 'random', 'urandom', 'tty'].map((name) => `/dev/${name}`),
);

/** A VM has no devices of its host: others than the kernel's own are refused by name. */
export function resolveDevices(
  drafts: NonNullable<ContainerDraft['devices']>,
): { source: string; target: string }[] {
  return drafts.map(({ source, target }) => {
    if (!ofKernel.has(source)) {
      throw new KraudError(
        'unsupported',
        `HostConfig.Devices ${source} is not supported: a VM has no devices of the host, but ${[...ofKernel].join(', ')}`,
      );
    }
    const wanted = posix.normalize(target || source);
    if (!/^\/dev\/.*[^/]$/.test(wanted)) {
      throw new KraudError(
        'unsupported',
        `HostConfig.Devices in ${target} are not supported: only below /dev`,
      );
    }
    return { source, target: wanted };
  });
}
