import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, KraudError } from '@kraud/base';
import type { GuestFiles } from '@kraud/cradle';

/** The guest's kernel and agent as set-up left them in the cache. */
export async function guestFiles(cacheDir: string): Promise<GuestFiles> {
  const path = join(cacheDir, 'guest/current.json');
  const missing = (what: string): KraudError =>
    new KraudError(
      'unavailable',
      `${what} in ${path}: build the guest's kernel and agent first, with: make setup`,
    );
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw missing('nothing');
    throw error;
  }
  const found = JSON.parse(text) as Partial<GuestFiles>;
  const { kernel, kernelHash, kernelVersion, initramfs, agentHash } = found;
  if (!kernel || !kernelHash || !kernelVersion) throw missing('no kernel');
  if (!initramfs || !agentHash) throw missing('no agent');
  return { kernel, kernelHash, kernelVersion, initramfs, agentHash };
}
