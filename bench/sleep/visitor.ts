import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { firstByte } from './first-byte.ts';

/** Measures first bytes in a process of its own, so that every server is asked by an equal client, whatever network it is on. */
export class Visitor {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #answers: AsyncIterator<string>;

  /** `netnsOf`: the process whose network it is on. */
  constructor(netnsOf = process.pid) {
    const main = join(import.meta.dirname, 'visitor-main.ts');
    const args = ['--target', String(netnsOf), '--net', process.execPath, main];
    this.#child = spawn('nsenter', args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdin.on('error', () => {});
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async firstByteMs(...[port, started]: Parameters<typeof firstByte>): Promise<number> {
    this.#child.stdin.write(`${JSON.stringify({ port, started })}\n`);
    const line = await this.#answers.next();
    const said = line.done ? '{"error": "the visitor has ended"}' : line.value;
    const { ms, error } = JSON.parse(said) as { ms?: number; error?: string };
    if (ms === undefined) throw new Error(`no first byte from port ${port}: ${error}`);
    return ms;
  }

  async leave(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.stdin.end();
    await ended;
  }
}
