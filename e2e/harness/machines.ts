import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, run } from './command.ts';
import { etcdProgram } from './etcd.ts';

const nets = 512;

/**
 * Machines on one machine: a network namespace each, joined by a bridge, with an etcd member at the bridge's
 * address. Names and addresses are this run's own, whatever a killed run has left behind.
 */
export class Machines {
  readonly #id = randomBytes(3).toString('hex');
  readonly #count: number;
  #net = '';
  #etcd: ChildProcess | undefined;

  private constructor(count: number) {
    this.#count = count;
  }

  /** `dir` keeps etcd's data. */
  static async start(count: number, dir: string): Promise<Machines> {
    const machines = await Machines.bare(count);
    try {
      await machines.#startEtcd(dir);
      return machines;
    } catch (error) {
      await machines.stop();
      throw error;
    }
  }

  /** Without etcd. */
  static async bare(count: number): Promise<Machines> {
    const machines = new Machines(count);
    writeFileSync(machines.#note, '');
    try {
      await machines.#wire();
      return machines;
    } catch (error) {
      await machines.stop();
      throw error;
    }
  }

  /** Pulls the cable of the `n`th machine. */
  async cut(n: number): Promise<void> {
    await ip('link', 'set', this.#link(n), 'down');
  }

  async mend(n: number): Promise<void> {
    await ip('link', 'set', this.#link(n), 'up');
  }

  /** Put in front of a command, it runs on the `n`th machine, from 1. */
  on(n: number): string[] {
    return ['nsenter', `--net=/run/netns/${this.#name(n)}`];
  }

  ip(n: number): string {
    return `${this.#net}.${n + 1}`;
  }

  get store(): string {
    return `etcd://${this.#net}.1:2379`;
  }

  async stop(): Promise<void> {
    const etcd = this.#etcd;
    if (etcd && etcd.exitCode === null && etcd.signalCode === null) {
      const ended = new Promise((resolve) => etcd.once('exit', resolve));
      etcd.kill('SIGKILL');
      await ended;
    }
    for (let n = 1; n <= this.#count; n += 1) await run('ip', ['netns', 'del', this.#name(n)]);
    await run('ip', ['link', 'del', this.#bridge]);
    rmSync(this.#note, { force: true });
  }

  /** By its name, what an interrupted run has left is found. */
  get #note(): string {
    return join(tmpdir(), `machines-${this.#id}`);
  }

  get #bridge(): string {
    return `kt${this.#id}`;
  }

  #name(n: number): string {
    return `kt${this.#id}-${n}`;
  }

  /** The machine's end of its cable that is on the bridge. */
  #link(n: number): string {
    return `kt${this.#id}v${n}`;
  }

  /** 198.18.0.0/15 is set aside for tests of networks. */
  async #wire(): Promise<void> {
    await ip('link', 'add', this.#bridge, 'type', 'bridge');
    const taken = (await run('ip', ['-4', 'addr'])).stdout;
    const first = randomBytes(2).readUInt16BE();
    for (let n = 0; n < nets && this.#net === ''; n += 1) {
      const at = (first + n) % nets;
      const net = `198.${18 + Math.floor(at / 256)}.${at % 256}`;
      if (!taken.includes(`${net}.`)) this.#net = net;
    }
    assert.notEqual(this.#net, '', 'a free network');
    await ip('addr', 'add', `${this.#net}.1/24`, 'dev', this.#bridge);
    await ip('link', 'set', this.#bridge, 'up');
    for (let n = 1; n <= this.#count; n += 1) {
      const [name, link] = [this.#name(n), this.#link(n)];
      await ip('netns', 'add', name);
      await ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
      await ip('link', 'set', link, 'master', this.#bridge, 'up');
      await ip('-n', name, 'addr', 'add', `${this.ip(n)}/24`, 'dev', 'eth0');
      await ip('-n', name, 'link', 'set', 'lo', 'up');
      await ip('-n', name, 'link', 'set', 'eth0', 'up');
      await ip('-n', name, 'route', 'add', 'default', 'via', `${this.#net}.1`);
    }
  }

  async #startEtcd(dir: string): Promise<void> {
    mkdirSync(dir, { recursive: true });
    const log = openSync(join(dir, 'log'), 'a');
    const [client, peer] = [`http://${this.#net}.1:2379`, `http://${this.#net}.1:2380`];
    const args = [
      ...['--name', 'm1', '--data-dir', join(dir, 'data'), '--logger', 'zap', '--log-level', 'warn'],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...['--initial-cluster', `m1=${peer}`, '--unsafe-no-fsync'],
    ];
    const etcd = spawn(etcdProgram(), args, { stdio: ['ignore', log, log] });
    closeSync(log);
    this.#etcd = etcd;
    await eventually(
      'etcd answers',
      async () => {
        assert.equal(etcd.exitCode, null, `etcd ended; see ${dir}/log`);
        return (await fetch(`${client}/health`)).ok;
      },
      120_000,
    );
  }
}

async function ip(...args: string[]): Promise<void> {
  const { code, stderr } = await run('ip', args);
  assert.equal(code, 0, `ip ${args.join(' ')}: ${stderr}`);
}
