import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { KraudError } from '@kraud/base';
import { enter, type Place } from './run.ts';

/** One command of `ip`, without the word `ip`. What the kernel answers may be expected: then it is no failure. */
export interface IpCommand {
  readonly line: string;
  readonly tolerate?: RegExp;
}

interface Pending {
  readonly commands: readonly IpCommand[];
  readonly token: string;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * An `ip -batch` that stays, in one network namespace: a batch of commands takes well under a millisecond, where
 * starting `ip` takes several. It starts with the first batch and ends after a while without work.
 *
 * `ip` says nothing when a command has succeeded, so every batch ends with a word that it doesn't know; its complaint
 * about that word says that all before is done. Batches run in the order given, one after another. Commands must be
 * safe to repeat: a batch whose helper died is sent once more to a new one.
 */
export class IpBatch {
  readonly #place: Place;
  readonly #idleMs: number;
  readonly #timeoutMs: number;
  readonly #queue: Pending[] = [];
  #child: ChildProcessWithoutNullStreams | undefined;
  #said = '';
  #count = 0;
  #line = 0;
  #retried = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(place: Place, options: { readonly idleMs: number; readonly timeoutMs: number }) {
    this.#place = place;
    this.#idleMs = options.idleMs;
    this.#timeoutMs = options.timeoutMs;
  }

  /** Rejects with the first command that failed; the later ones were tried all the same. */
  run(commands: readonly IpCommand[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#count += 1;
      this.#queue.push({ commands, token: `done${this.#count}`, resolve, reject });
      if (this.#queue.length === 1) this.#send();
    });
  }

  /** Starts the helper ahead of the first batch. */
  async warm(): Promise<void> {
    await this.run([]);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#child?.stdin.end();
    this.#child = undefined;
  }

  #send(): void {
    const batch = this.#queue[0];
    if (!batch) return;
    const child = this.#child ?? this.#start();
    this.#said = '';
    child.stdin.write([...batch.commands.map((c) => c.line), batch.token, ''].join('\n'));
    this.#arm(this.#timeoutMs, () => child.kill('SIGKILL'));
  }

  #arm(ms: number, act: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, ms);
    this.#timer.unref();
  }

  #start(): ChildProcessWithoutNullStreams {
    const [command = '', ...args] = [...enter(this.#place), 'ip', '-force', '-batch', '-'];
    const child = spawn(command, args, { env: { PATH: process.env.PATH, LC_ALL: 'C' } });
    this.#child = child;
    this.#line = 0;
    child.stdin.on('error', () => {});
    child.stdout.resume();
    child.stderr.on('data', (data: Buffer) => {
      if (this.#child === child) this.#hear(data.toString());
    });
    child.on('error', () => this.#ended(child));
    child.on('close', () => this.#ended(child));
    return child;
  }

  #hear(text: string): void {
    this.#said += text;
    const batch = this.#queue[0];
    const lastLine = this.#line + (batch?.commands.length ?? 0) + 1;
    if (!batch || !this.#said.includes(`Command failed -:${lastLine}\n`)) return;
    const error = failureIn(this.#said, this.#line, batch.commands);
    this.#line = lastLine;
    this.#finish(batch, error);
  }

  #finish(batch: Pending, error: Error | undefined): void {
    this.#queue.shift();
    this.#retried = false;
    if (error) batch.reject(error);
    else batch.resolve();
    if (this.#queue.length > 0) this.#send();
    else this.#arm(this.#idleMs, () => this.close());
  }

  #ended(child: ChildProcessWithoutNullStreams): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    const batch = this.#queue[0];
    if (!batch) return;
    if (!this.#retried) {
      this.#retried = true;
      this.#send();
      return;
    }
    this.#finish(batch, new KraudError('unavailable', `ip ended unexpectedly: ${this.#said.trim()}`));
  }
}

/** `ip` numbers the lines it has read since its start, from 1. */
function failureIn(said: string, lineBefore: number, commands: readonly IpCommand[]): Error | undefined {
  let from = 0;
  for (const match of said.matchAll(/Command failed -:(\d+)\n/g)) {
    const reason = said.slice(from, match.index).trim();
    from = match.index + match[0].length;
    const command = commands[Number(match[1]) - lineBefore - 1];
    if (!command || command.tolerate?.test(reason)) continue;
    return new KraudError('internal', `ip ${command.line}: ${reason}`);
  }
  return undefined;
}
