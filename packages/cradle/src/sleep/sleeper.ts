import { unlinkSync } from 'node:fs';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { isErrno, KraudError, MiB } from '@kraud/base';
import type { VmSpec } from '../contract.ts';
import { factsOf, type PartFacts } from './parts.ts';

/** What a VM's state was made on, and loads on only: nothing of it is the VM's own. */
export interface SleepBasis {
  readonly vmm: string;
  readonly layout: number;
  readonly accelerator: 'kvm' | 'tcg';
  /** As the guest sees it. */
  readonly cpu: string;
  readonly tscKhz: number;
}

export interface Manifest {
  readonly version: 1;
  readonly spec: VmSpec;
  readonly basis: SleepBasis;
  readonly state: PartFacts;
  readonly layout: PartFacts;
}

/** The files of a sleeper. Without its manifest, which comes last and goes first, it is none. */
export const filesOfSleeper = (dir: string): Record<'memory' | 'layout' | 'state' | 'manifest', string> => ({
  memory: join(dir, 'memory'),
  layout: join(dir, 'layout'),
  state: join(dir, 'state'),
  manifest: join(dir, 'manifest.json'),
});

/** The other files are on disk; afterwards this one is too, and all of their names. */
export async function sealSleeper(dir: string, manifest: Manifest): Promise<void> {
  const path = filesOfSleeper(dir).manifest;
  const temporary = `${path}.new`;
  {
    await using file = await open(temporary, 'wx', 0o600);
    await file.writeFile(JSON.stringify(manifest));
    await file.sync();
  }
  await rename(temporary, path);
  await syncDir(dir);
  await syncDir(dirname(dir));
}

/**
 * From here on it is no sleeper any more, whoever dies; what is left of it is `removeSleeper`'s. After a power failure it may be one
 * again: who counts then is what `awake` wrote down.
 */
export function unsealSleeper(dir: string): void {
  try {
    unlinkSync(filesOfSleeper(dir).manifest);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

export async function removeSleeper(dir: string): Promise<void> {
  unsealSleeper(dir);
  await rm(dir, { recursive: true, force: true });
}

/** Refuses a sleeper that would not load, or is another's. Its memory is only looked at from outside: it is read when it is needed. */
export async function checkSleeper(dir: string, spec: VmSpec, basis: SleepBasis): Promise<void> {
  const manifest = await readManifest(dir);
  const made = manifest.basis;
  if (!isDeepStrictEqual(made, basis)) {
    throw refused(dir, `it was made on ${JSON.stringify(made)}, and here is ${JSON.stringify(basis)}`);
  }
  if (!isDeepStrictEqual(essence(manifest.spec), essence(spec))) throw refused(dir, 'it is another VM');
  const files = filesOfSleeper(dir);
  try {
    for (const part of ['state', 'layout'] as const) {
      if (isDeepStrictEqual(factsOf(await readFile(files[part])), manifest[part])) continue;
      throw refused(dir, `its ${part} is damaged`);
    }
    if ((await stat(files.memory)).size !== spec.size.memoryMiB * MiB)
      throw refused(dir, 'its memory is damaged');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw refused(dir, 'a file of it is missing');
    throw error;
  }
}

async function readManifest(dir: string): Promise<Manifest> {
  let text: string;
  try {
    text = await readFile(filesOfSleeper(dir).manifest, 'utf8');
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new KraudError('not-found', `nothing whole is asleep in ${dir}`, { cause: error });
  }
  try {
    const manifest = JSON.parse(text) as Manifest | null;
    if (manifest?.version === 1 && manifest.spec && manifest.basis) return manifest;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw refused(dir, 'its manifest is damaged');
}

/** What a VM can't change while it sleeps. */
function essence({ id, size, images, writable, volumes, network }: VmSpec): unknown {
  // As it is read back.
  return JSON.parse(JSON.stringify({ id, size, images, writable: writable.path, volumes, network }));
}

async function syncDir(dir: string): Promise<void> {
  await using handle = await open(dir);
  await handle.sync();
}

const refused = (dir: string, why: string): KraudError =>
  new KraudError('corrupt', `what is asleep in ${dir} can't be woken: ${why}`);
