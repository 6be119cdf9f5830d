import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { KraudError } from '@kraud/base';
import { howEnded } from './ended.ts';

export interface HelperOptions {
  readonly idleMs: number;
  readonly timeoutMs: number;
}

/** What the tool complained of, and what it printed. */
export interface Answer {
  readonly said: string;
  readonly printed: string;
}

interface Exchange {
  readonly text: string;
  readonly done: RegExp;
  readonly printed: RegExp | undefined;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A command-line tool that stays and takes one piece of work after another on its standard input: a few tenths of a
 * millisecond each, where starting the tool takes many. It starts with the first piece and ends after a while
 * without any.
 *
 * The tools say nothing on success, so whoever uses this ends each text with something that makes the tool complain
 * in a known way on its standard error (`done`). Texts must be safe to repeat: one whose helper died is sent once
 * more, to a new one.
 */
export class Helper {
  readonly #words: readonly string[];
  readonly #options: HelperOptions;
  readonly #queue: Exchange[] = [];
  #child: ChildProcessWithoutNullStreams | undefined;
  #said = '';
  #printed = '';
  #retried = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(words: readonly string[], options: HelperOptions) {
    this.#words = words;
    this.#options = options;
  }

  /** Over once what the tool said ends with `done`, and what it printed with `printed`, which may come later. */
  exchange(text: string, done: RegExp, printed?: RegExp): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ text, done, printed, resolve, reject });
      if (this.#queue.length === 1) this.#send();
    });
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** The process ends once it has read what was sent; a later text starts another. */
  close(): void {
    clearTimeout(this.#timer);
    this.#child?.stdin.end();
    this.#child = undefined;
  }

  #send(): void {
    const exchange = this.#queue[0];
    if (!exchange) return;
    const child = this.#child ?? this.#start();
    this.#said = '';
    this.#printed = '';
    child.stdin.write(exchange.text);
    this.#arm(this.#options.timeoutMs, () => child.kill('SIGKILL'));
  }

  #arm(ms: number, act: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, ms);
    this.#timer.unref();
  }

  #start(): ChildProcessWithoutNullStreams {
    const [command = '', ...args] = this.#words;
    // No home: nft would keep a history there.
    const env = { PATH: process.env.PATH, LC_ALL: 'C', HOME: '/nonexistent' };
    const child = spawn(command, args, { env });
    this.#child = child;
    child.stdin.on('error', () => {});
    child.stdout.on('data', (data: Buffer) => {
      if (this.#child !== child || !this.#queue[0]?.printed) return;
      this.#printed += data.toString();
      this.#look();
    });
    child.stderr.on('data', (data: Buffer) => {
      if (this.#child !== child) return;
      this.#said += data.toString();
      this.#look();
    });
    child.on('error', (cause) =>
      this.#ended(child, new KraudError('unavailable', `cannot run ${command}`, { cause })),
    );
    child.on('close', (code, signal) =>
      this.#ended(child, new KraudError('unavailable', howEnded(this.#words, code, signal, this.#said))),
    );
    return child;
  }

  #look(): void {
    const exchange = this.#queue[0];
    if (!exchange?.done.test(this.#said) || exchange.printed?.test(this.#printed) === false) return;
    const answer = { said: this.#said, printed: this.#printed };
    this.#finish(() => exchange.resolve(answer));
  }

  #finish(settle: () => void): void {
    this.#queue.shift();
    this.#retried = false;
    settle();
    if (this.#queue.length > 0) this.#send();
    else this.#arm(this.#options.idleMs, () => this.close());
  }

  #ended(child: ChildProcessWithoutNullStreams, error: KraudError): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    const exchange = this.#queue[0];
    if (!exchange) return;
    if (!this.#retried) {
      this.#retried = true;
      this.#send();
      return;
    }
    this.#finish(() => exchange.reject(error));
  }
}
