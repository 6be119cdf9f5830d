import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { KraudError, messageOf } from '@kraud/base';
import { isAlive, type ProcessMark } from '../process.ts';
import type { JailTools } from './tools.ts';

const run = promisify(execFile);

/** Says what becomes of a VMM's tap when it ends: it stays where it is, or goes. Safe to repeat. */
export async function keepTap(tools: JailTools, vmm: ProcessMark, becomes: 'stays' | 'goes'): Promise<void> {
  try {
    await run(tools.launcher, [`--tap-${becomes}`, String(vmm.pid)]);
  } catch (error) {
    throw new KraudError('unavailable', `the tap can't be told that it ${becomes}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (!(await isAlive(vmm))) throw new KraudError('unavailable', 'the VMM has ended');
}
