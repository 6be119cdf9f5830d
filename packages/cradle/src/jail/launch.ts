import { spawn } from 'node:child_process';
import { chown, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { KraudError } from '@kraud/base';
import type { StayedTap } from '../contract.ts';
import { markProcess, type ProcessMark } from '../process.ts';
import type { JailTools } from './tools.ts';

export interface JailOptions {
  /** The VM's own directory; made here. */
  readonly dir: string;
  readonly uid: number;
  readonly cgroups: readonly string[];
  /** Host files shown read-only (or, as the template's memory, writable) under a name at the jail's root. */
  readonly files: readonly { readonly source: string; readonly name: string; readonly writable?: boolean }[];
  readonly kvm: boolean;
  readonly hostPaths: boolean;
  /** Of `JailTools`. */
  readonly preload?: 'privateMemory' | 'mould' | 'sleeper';
  /** Open file that the VMM inherits as fd 3. */
  readonly stateFd?: number;
  /** Where the tap that it is to have has stayed. */
  readonly tap?: StayedTap;
  readonly command: readonly string[];
}

/** Directories of a VM, below its own. */
export const vmDirs = ['disks', 'run', 'root', 'hostpaths'] as const;

/** Makes the VM's directory. `run` is the VMM's until `sealRun`. */
export async function makeVmDir(dir: string, uid: number): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  for (const name of vmDirs) await mkdir(join(dir, name), { recursive: true, mode: 0o755 });
  await chown(join(dir, 'run'), uid, uid);
}

/**
 * Once its sockets are there the VMM may no longer change what is in `run`: it could put a link to another socket
 * in their place, for a later daemon to follow.
 */
export async function sealRun(dir: string): Promise<void> {
  await chown(join(dir, 'run'), 0, 0);
}

/** Starts a VMM in its jail; answers once it has a pid. It survives us. */
export async function launchJailed(tools: JailTools, options: JailOptions): Promise<ProcessMark> {
  const args = jailArguments(options);
  if (options.kvm) args.push('--kvm');
  if (options.preload === 'mould') args.push('--mould');
  if (options.preload) args.push('--file', tools[options.preload], 'preload.so', '--preload', 'preload.so');
  args.push('--', ...options.command);
  const stdio: ('ignore' | 'pipe' | number)[] = ['ignore', 'pipe', 'ignore', options.stateFd ?? 'ignore'];
  const keeper = spawn(tools.launcher, args, { cwd: '/', env: {}, detached: true, stdio });
  keeper.unref();
  const pid = await new Promise<number>((resolve, reject) => {
    let text = '';
    const fail = (cause?: unknown): void =>
      reject(new KraudError('internal', 'the jail did not start', { cause }));
    keeper.on('error', fail);
    keeper.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.endsWith('\n')) resolve(Number(text));
    });
    keeper.stdout?.on('close', () => fail());
  }).catch(async (error: unknown) => {
    throw new KraudError('internal', `the jail did not start: ${await logOf(options.dir)}`, { cause: error });
  });
  return await marked(pid, options.dir);
}

export function jailArguments(
  options: Pick<JailOptions, 'dir' | 'uid' | 'cgroups' | 'hostPaths' | 'files' | 'tap'>,
): string[] {
  const args = ['--dir', options.dir, '--uid', String(options.uid)];
  for (const dir of options.cgroups) args.push('--cgroup', dir);
  for (const file of options.files)
    args.push(file.writable ? '--writable-file' : '--file', file.source, file.name);
  if (options.tap) args.push('--tap', options.tap.netns, options.tap.name);
  if (options.hostPaths) args.push('--hostpaths');
  return args;
}

export async function marked(pid: number, dir: string): Promise<ProcessMark> {
  const mark = await markProcess(pid);
  if (!mark) throw new KraudError('unavailable', `the VMM ended at once: ${await logOf(dir)}`);
  return mark;
}

/** The beginning of what the VMM said on stderr. */
export async function logOf(dir: string): Promise<string> {
  const bytesMax = 2048;
  try {
    await using file = await open(join(dir, 'log'));
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytesMax), 0, bytesMax, 0);
    return buffer.toString('utf8', 0, bytesRead).trim();
  } catch {
    return '';
  }
}
