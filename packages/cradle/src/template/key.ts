import { createHash } from 'node:crypto';
import type { SizeClass } from '../contract.ts';
import { cpuModel, layoutVersion } from '../vmm/arguments.ts';

/** Everything outside the class that a snapshot depends on. */
export interface TemplateBasis {
  readonly accelerator: 'kvm' | 'tcg';
  readonly vmmVersion: string;
  readonly kernelHash: string;
  readonly agentHash: string;
  /** Under KVM guests see the host's CPU, so a snapshot is good for that model only. */
  readonly hostCpu: string;
  readonly tscKhz: number;
  /** Of the writable disk that the guest has mounted. */
  readonly writableBytes: number;
}

/** Names all templates of one basis: those of any other are of no use any more. */
export function basisKey(basis: TemplateBasis): string {
  const parts = [
    layoutVersion,
    basis.accelerator,
    cpuModel(basis.accelerator),
    basis.accelerator === 'kvm' ? basis.hostCpu : basis.tscKhz,
    basis.vmmVersion,
    basis.kernelHash,
    basis.agentHash,
    basis.writableBytes,
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

/**
 * | class                           | name         |
 * | ------------------------------- | ------------ |
 * | 1 vCPU, 128 MiB                 | `1c-128m`    |
 * | 2 vCPUs, 512 MiB, host paths    | `2c-512m-h`  |
 */
export function className(size: SizeClass): string {
  return `${size.vcpus}c-${size.memoryMiB}m${size.hostPaths ? '-h' : ''}`;
}
