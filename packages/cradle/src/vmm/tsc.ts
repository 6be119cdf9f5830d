import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { isErrno } from '@kraud/base';
import type { JailTools } from '../jail/tools.ts';

const run = promisify(execFile);
/** Two measurements of one counter differ by less than this. */
const tolerance = 1e-4;

/**
 * How fast the host's time stamp counter runs, as it was measured first: templates depend on the exact number, so a
 * new measurement only counts when the old one can't be of this machine.
 */
export async function tscKhz(tools: JailTools, path: string): Promise<number> {
  const { stdout } = await run(tools.launcher, ['--tsc-khz']);
  const measured = Number(stdout);
  const known = await readKnown(path);
  if (known && Math.abs(known - measured) < measured * tolerance) return known;
  await writeFile(path, `${measured}\n`);
  return measured;
}

async function readKnown(path: string): Promise<number | undefined> {
  try {
    const khz = Number(await readFile(path, 'utf8'));
    return Number.isSafeInteger(khz) && khz > 0 ? khz : undefined;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
