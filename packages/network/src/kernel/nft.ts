import { closeSync, ftruncateSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KraudError, newShortId } from '@kraud/base';
import { Helper, type HelperOptions } from './helper.ts';
import { enter, type Place } from './run.ts';

/**
 * An `nft -i` that stays, in one network namespace.
 *
 * It reads its input a byte at a time and remembers each line, so the commands go through a file that it includes:
 * one that has no name any more and is found by way of our own descriptor.
 */
export class Nft {
  readonly #helper: Helper;
  #file: number | undefined;
  #count = 0;
  #busy: Promise<unknown> = Promise.resolve();

  constructor(options: HelperOptions, place: Place = 'host') {
    this.#helper = new Helper([...enter(place), 'nft', '-i'], options);
  }

  /** All commands as one transaction: all of them or none. They must be safe to repeat. */
  apply(commands: readonly string[]): Promise<void> {
    const work = this.#busy.then(() => this.#apply(commands));
    this.#busy = work.catch(() => {});
    return work;
  }

  close(): void {
    this.#helper.close();
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  async #apply(commands: readonly string[]): Promise<void> {
    this.#file ??= namelessFile();
    ftruncateSync(this.#file);
    writeSync(this.#file, `${commands.join('\n')}\n`, 0);
    this.#count += 1;
    const token = `done${this.#count}`;
    const line = `include "/proc/${process.pid}/fd/${this.#file}"`;
    const { said } = await this.#helper.exchange(`${line}\n${token}\n`, new RegExp(`(^|\\n)${token}\\n`));
    // The last complaint is about the token itself.
    const reason = said.slice(0, said.lastIndexOf('Error: syntax error', said.lastIndexOf(token))).trim();
    if (reason.includes('Error:')) throw new KraudError('internal', `nft: ${reason.slice(0, 2000)}`);
  }
}

function namelessFile(): number {
  const path = join(tmpdir(), `kraud-nft-${newShortId()}`);
  const file = openSync(path, 'wx+', 0o600);
  unlinkSync(path);
  return file;
}
