import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { type Clock, isErrno, KraudError, type Logger, messageOf } from '@kraud/base';
import { within } from './within.ts';

/** Ends this host's VMs once `untilMs` of the last hold has passed, even if nobody of us is there any more. */
export interface Fence {
  /** Moves the time on. Resolves once the fence has it; with the time at which it has ended VMs, told once. */
  hold(untilMs: number): Promise<{ readonly firedAtMs?: number }>;
  /** Ends the fence; the VMs go on. */
  end(): Promise<void>;
  /** Leaves the fence on guard for the next daemon, if there is a VM to guard. */
  leave(): Promise<void>;
}

export interface FenceOptions {
  /** The `kraud-fence` program. */
  readonly program: string;
  /** The fence's own directory, for root only. */
  readonly dir: string;
  /** Directory whose children are the control groups of the VMs. */
  readonly groups: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const socketPathBytesMax = 107;
const answerTimeoutMs = 5_000;
const lineBytesMax = 64;

/**
 * The daemon's side of `kraud-fence`, a process of its own that outlives it: one that an earlier daemon left is taken
 * over, one that has died is started anew with the next hold.
 */
export class FenceProcess implements Fence {
  readonly #options: FenceOptions;
  readonly #path: string;
  #socket: Socket | undefined;
  #answers: ((line: string | undefined) => void)[] = [];
  #chain: Promise<unknown> = Promise.resolve();

  constructor(options: FenceOptions) {
    this.#options = options;
    this.#path = join(options.dir, 'socket');
    if (Buffer.byteLength(this.#path) > socketPathBytesMax) {
      throw new KraudError(
        'invalid',
        `--data-dir: ${this.#path} is longer than ${socketPathBytesMax} bytes, the most that a unix socket's path may have`,
      );
    }
  }

  hold(untilMs: number): Promise<{ readonly firedAtMs?: number }> {
    return this.#inTurn(async () => {
      const line = await this.#say(`hold ${Math.floor(untilMs)}`, untilMs);
      if (line === 'ok') return {};
      const [, atMs] = /^fired (\d+)$/.exec(line) ?? [];
      if (atMs === undefined) throw new KraudError('internal', `the fence answered: ${line}`);
      return { firedAtMs: Number(atMs) };
    });
  }

  async end(): Promise<void> {
    await this.#inTurn(async () => {
      this.#socket ??= await this.#connect();
      const socket = this.#socket;
      if (!socket) return;
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.write('end\n');
      await within(this.#options.clock, answerTimeoutMs, 'the fence did not end', closed);
    });
  }

  async leave(): Promise<void> {
    await this.#inTurn(async () => {
      if (!this.#socket) return;
      const [socket, answer] = [this.#socket, this.#heard()];
      socket.write('leave\n');
      await within(this.#options.clock, answerTimeoutMs, 'the fence did not answer', answer);
      socket.destroy();
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#chain.then(work);
    this.#chain = result.catch(() => {});
    return result;
  }

  async #say(line: string, untilMs: number): Promise<string> {
    const { clock, logger } = this.#options;
    for (let tries = 0; ; tries += 1) {
      this.#socket ??= await this.#connect();
      if (!this.#socket) {
        if (tries > 0) logger.warn({}, 'the fence had died; it is started anew');
        await this.#spawn(untilMs);
        this.#socket = await this.#connect();
      }
      const socket = this.#socket;
      if (!socket) throw new KraudError('unavailable', 'the fence is not there');
      const answer = this.#heard();
      socket.write(`${line}\n`);
      const heard = await within(clock, answerTimeoutMs, 'the fence did not answer', answer).catch(
        (error: unknown) => {
          socket.destroy();
          throw error;
        },
      );
      if (heard !== undefined) return heard;
      if (tries === 1) throw new KraudError('unavailable', 'the fence dies again and again');
    }
  }

  /** The next line; undefined when the fence goes instead. */
  #heard(): Promise<string | undefined> {
    return new Promise((resolve) => this.#answers.push(resolve));
  }

  /** Undefined when no fence listens. */
  async #connect(): Promise<Socket | undefined> {
    const socket = createConnection(this.#path);
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('error', reject);
      });
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ECONNREFUSED')) return undefined;
      throw error;
    }
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text = (text + chunk).slice(-lineBytesMax);
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        this.#answers.shift()?.(text.slice(0, end));
        text = text.slice(end + 1);
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (this.#socket === socket) this.#socket = undefined;
      for (const answer of this.#answers.splice(0)) answer(undefined);
    });
    // It keeps no process from ending.
    socket.unref();
    return socket;
  }

  async #spawn(untilMs: number): Promise<void> {
    const { program, dir, groups } = this.#options;
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const child = spawn(program, [this.#path, String(Math.floor(untilMs)), groups], {
      cwd: '/',
      env: {},
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let words = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words += text;
    });
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.stdout.once('data', () => resolve());
      child.once('exit', () => reject(new Error(words.trim() || 'it ended at once')));
    }).catch((error: unknown) => {
      throw new KraudError('unavailable', `the fence could not be started: ${messageOf(error)}`, {
        cause: error,
      });
    });
    child.stdout.destroy();
    child.stderr.destroy();
    child.unref();
  }
}
