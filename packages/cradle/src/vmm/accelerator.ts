import { access, constants, readFile, rename, writeFile } from 'node:fs/promises';
import { isErrno, messageOf } from '@kraud/base';
import type { Accelerator } from '../contract.ts';

export interface AcceleratorChoice {
  /** From the config: a person's word counts more than a probe. */
  readonly wanted: 'auto' | 'kvm' | 'tcg';
  /** Where the outcome is kept, for as long as what it depends on stays. */
  readonly cachePath: string;
  /** Boot id of the host, versions: the outcome is good for these only. */
  readonly basis: readonly string[];
  /** Boots a guest under KVM; fails if that does not come to life. */
  readonly probe: () => Promise<void>;
  readonly kvmPath?: string;
}

/**
 * KVM if a real boot under it works, else TCG. A `/dev/kvm` that can be opened proves nothing: some nested hosts
 * offer one that makes a VM but can't run an ordinary kernel.
 */
export async function chooseAccelerator(choice: AcceleratorChoice): Promise<Accelerator> {
  const { wanted, kvmPath = '/dev/kvm' } = choice;
  if (wanted === 'tcg') return { kind: 'tcg', reason: 'set in the configuration' };
  if (wanted === 'kvm') return { kind: 'kvm', reason: 'set in the configuration' };
  try {
    await access(kvmPath, constants.R_OK | constants.W_OK);
  } catch (error) {
    const why = isErrno(error, 'ENOENT') ? `this machine has no ${kvmPath}` : `${kvmPath} can't be opened`;
    return { kind: 'tcg', reason: why };
  }
  const basis = JSON.stringify(choice.basis);
  const cached = await readCache(choice.cachePath, basis);
  if (cached) return cached;
  const found = await probe(choice.probe, kvmPath);
  const temporary = `${choice.cachePath}.new`;
  await writeFile(temporary, JSON.stringify({ basis, ...found }));
  await rename(temporary, choice.cachePath);
  return found;
}

async function probe(boot: () => Promise<void>, kvmPath: string): Promise<Accelerator> {
  try {
    await boot();
    return { kind: 'kvm', reason: 'a guest boots under KVM' };
  } catch (error) {
    const first = messageOf(error).split('\n')[0] ?? '';
    return {
      kind: 'tcg',
      reason: `${kvmPath} is there, but a guest does not boot under it (${first.slice(0, 160)})`,
    };
  }
}

async function readCache(path: string, basis: string): Promise<Accelerator | undefined> {
  try {
    const cached = JSON.parse(await readFile(path, 'utf8')) as { basis: string } & Accelerator;
    if (cached.basis !== basis || (cached.kind !== 'kvm' && cached.kind !== 'tcg')) return undefined;
    return { kind: cached.kind, reason: cached.reason };
  } catch (error) {
    if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
