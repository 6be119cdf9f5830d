import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './command.ts';
import { etcdProgram } from './etcd.ts';
import type { Machines } from './machines.ts';

/** An etcd cluster with a member on each machine. */
export class Members {
  readonly #machines: Machines;
  readonly #count: number;
  readonly #dirOf: (n: number) => string;
  readonly #processes = new Map<number, ChildProcess>();

  private constructor(machines: Machines, count: number, dirOf: (n: number) => string) {
    this.#machines = machines;
    this.#count = count;
    this.#dirOf = dirOf;
  }

  /** `dirOf`: where the `n`th one, from 1, has its data. */
  static async start(machines: Machines, count: number, dirOf: (n: number) => string): Promise<Members> {
    const members = new Members(machines, count, dirOf);
    try {
      for (const n of members.#all) members.start(n);
      for (const n of members.#all) await members.healthy(n);
      return members;
    } catch (error) {
      await members.stop();
      throw error;
    }
  }

  get address(): string {
    return `etcd://${this.#all.map((n) => `${this.#machines.ip(n)}:2379`).join(',')}`;
  }

  /** Begins a member, for the first time or on what it had. */
  start(n: number): void {
    const dir = this.#dirOf(n);
    mkdirSync(dir, { recursive: true });
    const log = openSync(join(dir, 'log'), 'a');
    const peer = (member: number): string => `http://${this.#machines.ip(member)}:2380`;
    const client = `http://${this.#machines.ip(n)}:2379`;
    const [program = '', ...args] = [
      ...this.#machines.on(n),
      ...[etcdProgram(), '--name', `m${n}`, '--data-dir', join(dir, 'data')],
      ...['--logger', 'zap', '--log-level', 'warn', '--unsafe-no-fsync'],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer(n), '--initial-advertise-peer-urls', peer(n)],
      ...['--initial-cluster', this.#all.map((member) => `m${member}=${peer(member)}`).join(',')],
    ];
    this.#processes.set(n, spawn(program, args, { stdio: ['ignore', log, log] }));
    closeSync(log);
  }

  async kill(n: number): Promise<void> {
    const member = this.#processes.get(n);
    if (!member || !this.isUp(n)) return;
    const ended = new Promise((resolve) => member.once('exit', resolve));
    member.kill('SIGKILL');
    await ended;
  }

  /** It does nothing more, and says nothing, until it is resumed. */
  pause(n: number): void {
    this.#processes.get(n)?.kill('SIGSTOP');
  }

  resume(n: number): void {
    this.#processes.get(n)?.kill('SIGCONT');
  }

  /** It ran, or runs again: one that ended is started. */
  async goOn(n: number): Promise<void> {
    this.resume(n);
    if (!this.isUp(n)) this.start(n);
    await this.healthy(n);
  }

  isUp(n: number): boolean {
    const member = this.#processes.get(n);
    return member !== undefined && member.exitCode === null && member.signalCode === null;
  }

  /** It answers, as a member of a cluster that has a leader. */
  async healthy(n: number): Promise<void> {
    const url = `http://${this.#machines.ip(n)}:2379/health`;
    await eventually(
      `etcd member ${n} answers`,
      async () => {
        const member = this.#processes.get(n);
        assert.equal(member?.exitCode, null, `etcd member ${n} ended; see ${this.#dirOf(n)}/log`);
        const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) });
        return answer.ok && (await answer.text()).includes('"true"');
      },
      120_000,
    );
  }

  /** All that are in the store, in order. */
  async keys(): Promise<string[]> {
    const everything = Buffer.alloc(1).toString('base64');
    const answer = await fetch(`http://${this.#machines.ip(1)}:2379/v3/kv/range`, {
      method: 'POST',
      body: JSON.stringify({ key: everything, range_end: everything, keys_only: true }),
      signal: AbortSignal.timeout(30_000),
    });
    const { kvs = [] } = (await answer.json()) as { kvs?: { key: string }[] };
    return kvs.map(({ key }) => Buffer.from(key, 'base64').toString());
  }

  async stop(): Promise<void> {
    for (const n of this.#all) await this.kill(n);
  }

  get #all(): number[] {
    return Array.from({ length: this.#count }, (_, index) => index + 1);
  }
}
