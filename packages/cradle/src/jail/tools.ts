import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isErrno, KraudError } from '@kraud/base';

/** The small C programs of the jail, built from `packages/cradle/jail`. */
export interface JailTools {
  readonly launcher: string;
  /** Preloaded into VMMs that insist on opening the shared memory of a template for writing. */
  readonly privateMemory: string;
  /** Preloaded into VMMs of VMs that slept: their memory is laid out from a file. */
  readonly sleeper: string;
  /** Preloaded into VMMs that are to be forked. */
  readonly mould: string;
}

const run = promisify(execFile);
const sources = join(import.meta.dirname, '../../jail');
const flags = ['-std=c11', '-O2', '-Wall', '-Wextra', '-Werror'];
const preloaded = ['-shared', '-fPIC', '-U_FORTIFY_SOURCE'];
const launcherFiles = ['main.c', 'keeper.c', 'jail.c', 'tap.c'];
const mouldFiles = [
  'mould.c',
  'threads.c',
  'descriptors.c',
  'sandbox.c',
  'keeper.c',
  'jail.c',
  'tap.c',
  'renew.c',
  'private-memory.c',
];

/** Builds the tools into a directory named by their source, unless it is there. Safe to race. */
export async function buildJailTools(cacheDir: string): Promise<JailTools> {
  const hash = createHash('sha256');
  for (const file of (await readdir(sources)).sort()) hash.update(await readFile(join(sources, file)));
  const dir = join(cacheDir, hash.digest('hex').slice(0, 16));
  const tools = {
    launcher: join(dir, 'kraud-jail'),
    privateMemory: join(dir, 'private-memory.so'),
    sleeper: join(dir, 'sleeper.so'),
    mould: join(dir, 'mould.so'),
  };
  if (await exists(tools.launcher)) return tools;
  await mkdir(cacheDir, { recursive: true });
  const temporary = await mkdtemp(`${dir}.`);
  try {
    const build = (target: string, more: readonly string[], files: readonly string[]): Promise<void> =>
      compile([
        ...flags,
        ...more,
        '-o',
        join(temporary, target),
        ...files.map((file) => join(sources, file)),
      ]);
    await build('kraud-jail', ['-static'], launcherFiles);
    await build('private-memory.so', preloaded, ['private-memory.c']);
    await build('sleeper.so', [...preloaded, '-fvisibility=hidden'], ['sleeper.c', 'private-memory.c']);
    await build('mould.so', [...preloaded, '-fvisibility=hidden'], mouldFiles);
    await rename(temporary, dir).catch((error: unknown) => {
      if (!isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error;
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return tools;
}

async function compile(args: string[]): Promise<void> {
  try {
    await run('cc', args);
  } catch (error) {
    throw new KraudError('unavailable', 'cannot build the jail: a C compiler (cc) is needed', {
      cause: error,
    });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
