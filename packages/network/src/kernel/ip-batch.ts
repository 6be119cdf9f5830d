import { KraudError } from '@kraud/base';
import { Helper, type HelperOptions } from './helper.ts';
import { enter, type Place } from './run.ts';

/** One command of `ip`, without the word `ip`. What the kernel answers may be expected: then it is no failure. */
export interface IpCommand {
  readonly line: string;
  readonly tolerate?: RegExp;
}

const shownLoopback = /(?<=^|\n)1: lo: [^\n]*\n[^\n]*\n$/;

/** An `ip -batch` that stays, in one network namespace. Commands must be safe to repeat. */
export class IpBatch {
  readonly #helper: Helper;
  #count = 0;

  constructor(place: Place, options: HelperOptions) {
    this.#helper = new Helper([...enter(place), 'ip', '-force', '-batch', '-'], options);
  }

  /** Rejects with the first command that failed; the later ones were tried all the same. */
  async run(commands: readonly IpCommand[]): Promise<void> {
    await this.#exchange(commands);
  }

  /** What a command prints that only shows something. */
  async show(line: string): Promise<string> {
    // What this prints is known, and so is the end of what comes before it.
    const printed = await this.#exchange([{ line }, { line: 'link show dev lo' }], shownLoopback);
    return printed.replace(shownLoopback, '');
  }

  async #exchange(commands: readonly IpCommand[], shown?: RegExp): Promise<string> {
    this.#count += 1;
    const token = `done${this.#count}`;
    const text = [...commands.map((c) => c.line), token, ''].join('\n');
    const done = new RegExp(`"${token}" is unknown[^]*Command failed -:\\d+\\n`);
    const { said, printed } = await this.#helper.exchange(text, done, shown);
    const error = failureIn(said, commands);
    if (error) throw error;
    return printed;
  }

  /** Whose place is the one that the commands are carried out in, once one has been; undefined when it has ended since. */
  get pid(): number | undefined {
    return this.#helper.pid;
  }

  /** Starts the helper ahead of the first batch. */
  async warm(): Promise<void> {
    await this.run([]);
  }

  close(): void {
    this.#helper.close();
  }
}

/** `ip` numbers the lines that it has read since its start; the last complaint is about our own last line. */
function failureIn(said: string, commands: readonly IpCommand[]): Error | undefined {
  const complaints = [...said.matchAll(/Command failed -:(\d+)\n/g)];
  const lastLine = Number(complaints.at(-1)?.[1]);
  let from = 0;
  for (const complaint of complaints) {
    const reason = said.slice(from, complaint.index).trim();
    from = complaint.index + complaint[0].length;
    const command = commands[commands.length - (lastLine - Number(complaint[1]))];
    if (!command || command.tolerate?.test(reason)) continue;
    return new KraudError('internal', `ip ${command.line}: ${reason}`);
  }
  return undefined;
}
