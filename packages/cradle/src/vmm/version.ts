import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { isErrno, KraudError, messageOf } from '@kraud/base';

const run = promisify(execFile);

export interface VmmVersion {
  /** `7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)` */
  readonly text: string;
  /** From 8.2 on, private guest memory can come from a file that may only be read. */
  readonly readOnlyMemory: boolean;
}

export async function vmmVersion(path: string): Promise<VmmVersion> {
  try {
    const { stdout } = await run(path, ['--version']);
    return parseVersion(stdout);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) {
      throw new KraudError(
        'unavailable',
        `QEMU is not installed: no ${path} (Debian package qemu-system-x86)`,
        {
          cause: error,
        },
      );
    }
    throw new KraudError('unavailable', `${path} does not work: ${messageOf(error)}`, { cause: error });
  }
}

export function parseVersion(output: string): VmmVersion {
  const match = /version (\d+)\.(\d+)\.\d+[^\n]*/.exec(output);
  if (!match) throw new KraudError('unavailable', `not a QEMU: ${output.slice(0, 80)}`);
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return {
    text: match[0].slice('version '.length).trim(),
    readOnlyMemory: major > 8 || (major === 8 && minor >= 2),
  };
}
