import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { KraudError } from '@kraud/base';

const source = join(import.meta.dirname, 'wall-clock.c');

/** Builds the launcher of programs whose clock is set, in `dir`; answers its path. */
export function buildLauncher(dir: string): string {
  const path = join(dir, 'wall-clock');
  try {
    execFileSync('cc', ['-std=c11', '-O2', '-Wall', '-Wextra', '-Werror', '-static', '-o', path, source], {
      stdio: 'pipe',
    });
  } catch (error) {
    throw new KraudError('unavailable', 'cannot build wall-clock: a C compiler (cc) is needed', {
      cause: error,
    });
  }
  return path;
}

/** The wall clock of one program, which is set while that runs. What it measures by its monotonic clock stays right. */
export class WallClock {
  readonly #launcher: string;
  readonly #path: string;
  #offsetS = 0;

  /** `path` is a file that says how far the clock is off. */
  constructor(launcher: string, path: string) {
    this.#launcher = launcher;
    this.#path = path;
    if (!existsSync(path)) writeFileSync(path, Buffer.alloc(8));
  }

  get offsetS(): number {
    return this.#offsetS;
  }

  /** The command that runs this one by this clock: one process, which the command becomes. */
  command(program: string, args: readonly string[]): [program: string, args: string[]] {
    return [this.#launcher, [this.#path, program, ...args]];
  }

  /** The program sees it at once. The file is written in place, since the program has it in its memory. */
  set(offsetS: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(offsetS));
    const file = openSync(this.#path, 'r+');
    writeSync(file, bytes, 0, bytes.length, 0);
    closeSync(file);
    this.#offsetS = offsetS;
  }
}
