import { PassThrough } from 'node:stream';
import { KraudError } from '@kraud/base';
import type { ContainerConfig } from '@kraud/cradle';

export interface FakeExit {
  code: number;
  signal: number;
  oomKilled: boolean;
  error: string;
}

/** What a program can do. It ends when its function returns, or when a signal that it doesn't handle comes. */
export interface FakeProcess {
  readonly args: readonly string[];
  readonly stdin: PassThrough;
  write(text: string, stream?: 1 | 2): void;
  /** Signals it handles from now on; others end it. */
  onSignal(signal: number, handle: () => void): void;
  /** Settles when a signal ended it. */
  readonly killed: Promise<never>;
}
export type FakeProgram = (process: FakeProcess) => Promise<number> | number;

/** Ways in which a program can't be run, by name. */
export const execErrors: Readonly<Record<string, string>> = {
  nope: 'No such file or directory',
  '/etc': 'Permission denied',
};

const sigkill = 9;
let timeNs = 1_700_000_000_000_000_000n;
const now = (): bigint => {
  timeNs += 1000n;
  return timeNs;
};

interface Entry {
  offset: number;
  timeNs: bigint;
  stream: 1 | 2;
  data: Buffer;
}

export class FakeContainer {
  readonly config: ContainerConfig;
  state: 'created' | 'running' | 'paused' | 'exited' = 'created';
  startedAtNs: bigint | undefined;
  finishedAtNs: bigint | undefined;
  exit: FakeExit | undefined;
  /** How often the program was begun. */
  starts = 0;
  readonly signals: number[] = [];
  readonly stdin = new PassThrough();
  size: { rows: number; cols: number } | undefined;
  #entries: Entry[] = [];
  #offset = 0;
  #waiting = new Set<() => void>();
  #handlers = new Map<number, () => void>();
  #die: (signal: number) => void = () => {};
  #failure: unknown;

  constructor(config: ContainerConfig) {
    this.config = config;
  }

  get retained(): readonly Entry[] {
    return this.#entries;
  }

  start(program: FakeProgram): void {
    const [name = ''] = this.config.args;
    const refused = execErrors[name];
    if (refused) throw new KraudError('invalid', refused);
    if (this.state !== 'created') throw new KraudError('conflict', 'it has been started');
    this.state = 'running';
    this.starts += 1;
    this.startedAtNs = now();
    const killed = new Promise<number>((resolve) => {
      this.#die = resolve;
    });
    const process: FakeProcess = {
      args: this.config.args,
      stdin: this.stdin,
      write: (text, stream = 1) => this.#write(text, stream),
      onSignal: (signal, handle) => this.#handlers.set(signal, handle),
      killed: new Promise<never>(() => {}),
    };
    const ran = (async () => ({ code: await program(process), signal: 0 }))();
    const died = killed.then((signal) => ({ code: 128 + signal, signal }));
    void Promise.race([ran, died]).then(({ code, signal }) => this.#end(code, signal));
  }

  signal(signal: number): void {
    if (this.state !== 'running' && this.state !== 'paused') {
      throw new KraudError('conflict', 'it is not running');
    }
    this.signals.push(signal);
    const handle = this.#handlers.get(signal);
    if (handle && signal !== sigkill) handle();
    else this.#die(signal);
  }

  ack(offset: number): void {
    this.#entries = this.#entries.filter((entry) => entry.offset + entry.data.length > offset);
  }

  /** Entries from `from` on; undefined at the end of a program that has ended. */
  async next(from: number): Promise<Entry | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const entry = this.#entries.find((item) => item.offset + item.data.length > from);
      if (entry) return entry;
      if (this.exit) return undefined;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Whoever reads the output gets this fault. */
  fail(fault: unknown): void {
    this.#failure = fault;
    this.#wake();
  }

  abandon(): void {
    this.#waiting.clear();
    this.stdin.destroy();
  }

  #write(text: string, stream: 1 | 2): void {
    if (this.state === 'exited') return;
    const data = Buffer.from(text);
    this.#entries.push({ offset: this.#offset, timeNs: now(), stream, data });
    this.#offset += data.length;
    this.#wake();
  }

  #end(code: number, signal: number): void {
    this.state = 'exited';
    this.finishedAtNs = now();
    this.exit = { code, signal, oomKilled: false, error: '' };
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
