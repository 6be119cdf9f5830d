import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { KraudError, type Logger, messageOf } from '@kraud/base';
import type { NetworkLimits } from '../defaults.ts';
import { howEnded } from '../kernel/ended.ts';
import type { IpBatch } from '../kernel/ip-batch.ts';
import { learnedIn, missedIn, type Neighbour, notedIn, waitingIn } from '../kernel/neighbours.ts';
import { Retries } from '../kernel/retries.ts';
import { enter, type Place } from '../kernel/run.ts';
import { uplink } from '../names.ts';

const markAgainMs = 10;
const lineBytesMax = 4096;

/** An address that nothing is ever sent to by way of a device. */
const markAddress = '127.0.0.1';

type Child = ChildProcessByStdio<null, Readable, Readable>;

export interface Heard {
  /** Somebody sends something to this one, and the kernel doesn't know where it is. */
  missed(neighbour: Neighbour): void;
  /** It has told where it is. */
  learned(neighbour: Neighbour): void;
}

export interface KnockWatchOptions {
  readonly place: Place;
  readonly batch: IpBatch;
  readonly heard: Heard;
  readonly limits: NetworkLimits;
  readonly logger: Logger;
}

/**
 * Hears which addresses the kernel looks for, and finds, in one VPC: an `ip monitor` that stays. One that ends is replaced, and what was
 * missed meanwhile is found by asking. The kernel ends it with the daemon.
 */
export class KnockWatch {
  readonly #options: KnockWatchOptions;
  readonly #retries: Retries;
  #child: Child | undefined;
  #started: Promise<void> | undefined;
  #marks = 0;
  #marked: { readonly mark: string; readonly seen: () => void } | undefined;
  #closed = false;

  constructor(options: KnockWatchOptions) {
    this.#options = options;
    this.#retries = new Retries(() => void this.listening().catch(() => {}), options.limits);
  }

  /** Resolves once nothing is missed any more. */
  listening(): Promise<void> {
    if (this.#started) return this.#started;
    const started: Promise<void> = this.#start().then(
      () => this.#retries.worked(),
      (error: unknown) => {
        if (this.#started === started) this.#started = undefined;
        this.#retries.failed();
        throw error;
      },
    );
    this.#started = started;
    return started;
  }

  /** What an event would have told of how things are now is told. */
  async ask(): Promise<void> {
    const text = await this.#options.batch.show('neigh show nud all');
    for (const line of text.split('\n')) this.#tell(waitingIn(line), learnedIn(line));
  }

  close(): void {
    this.#closed = true;
    this.#retries.close();
    this.#child?.kill('SIGKILL');
  }

  async #start(): Promise<void> {
    if (this.#closed) throw new KraudError('unavailable', 'knocks are no longer listened for');
    const words = ['setpriv', '--pdeathsig', 'KILL', ...enter(this.#options.place), ...monitor];
    const [command = '', ...args] = words;
    const child: Child = spawn(command, args, {
      env: { PATH: process.env.PATH, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    let said = '';
    const ended = new Promise<never>((_, reject) => {
      child.on('error', (cause) => reject(new KraudError('unavailable', `cannot run ${command}`, { cause })));
      child.on('close', (code, signal) =>
        reject(new KraudError('unavailable', howEnded(words, code, signal, said))),
      );
    });
    ended.catch((error: unknown) => this.#ended(child, error));
    readLines(child.stdout, (line) => this.#take(line));
    // What it complains of is that it has lost something.
    child.stderr.on('data', (data: Buffer) => {
      said = data.toString().slice(0, lineBytesMax);
      this.#askAgain(said);
    });
    try {
      await Promise.race([this.#mark(child), ended]);
      await this.ask();
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  /** Makes events until one is seen: all that come later are seen too. */
  async #mark(child: Child): Promise<void> {
    const { batch, limits } = this.#options;
    for (let waitedMs = 0; waitedMs < limits.commandTimeoutMs; waitedMs += markAgainMs) {
      if (this.#closed || this.#child !== child) return;
      this.#marks = (this.#marks + 1) % 0x1_0000;
      const digits = this.#marks.toString(16).padStart(4, '0');
      const mark = `02:00:00:00:${digits.slice(0, 2)}:${digits.slice(2)}`;
      const seen = new Promise<boolean>((resolve) => {
        this.#marked = { mark, seen: () => resolve(true) };
      });
      await batch.run([
        { line: `neigh replace ${markAddress} lladdr ${mark} dev ${uplink} nud permanent` },
        { line: `neigh del ${markAddress} dev ${uplink}` },
      ]);
      if (await Promise.race([seen, delay(markAgainMs, false)])) return;
    }
    throw new KraudError('unavailable', 'knocks are not heard: the kernel tells of no neighbour');
  }

  #take(line: string): void {
    if (this.#marked && notedIn(line) === this.#marked.mark) this.#marked.seen();
    this.#tell(missedIn(line), learnedIn(line));
  }

  #tell(missed: Neighbour | undefined, learned: Neighbour | undefined): void {
    if (this.#closed) return;
    if (missed) this.#options.heard.missed(missed);
    if (learned) this.#options.heard.learned(learned);
  }

  #askAgain(said: string): void {
    this.#options.logger.debug({ said }, 'a watch for knocks has lost something');
    this.ask().catch((error: unknown) =>
      this.#options.logger.warn({ error: messageOf(error) }, 'who knocks could not be asked'),
    );
  }

  #ended(child: Child, error: unknown): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    if (this.#closed) return;
    this.#options.logger.warn({ error: messageOf(error) }, 'a watch for knocks has ended');
    this.#started = undefined;
    this.#retries.failed();
  }
}

const monitor = ['ip', '-4', 'monitor', 'neigh'];

function readLines(stream: Readable, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = (lines.pop() ?? '').slice(-lineBytesMax);
    for (const line of lines) take(line);
  });
}
