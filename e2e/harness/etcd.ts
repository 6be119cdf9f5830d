import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './command.ts';

const startTries = 5;

/** An etcd of one member on loopback, on a directory that goes with it. */
export class Etcd {
  readonly #dir = mkdtempSync(join(tmpdir(), 'kraud-etcd-'));
  #process: ChildProcess | undefined;
  #port = 0;

  /** What `--store` takes. */
  get address(): string {
    return `etcd://${this.endpoint}`;
  }

  get endpoint(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Every write waits for the disk, as in earnest. A port that was free may be taken the moment after. */
  static async start(): Promise<Etcd> {
    for (let tries = 1; ; tries += 1) {
      const etcd = new Etcd();
      try {
        await etcd.#start();
        return etcd;
      } catch (error) {
        await etcd.stop();
        if (tries === startTries) throw error;
      }
    }
  }

  async stop(): Promise<void> {
    const child = this.#process;
    if (child && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    this.#port = await freePort();
    const client = `http://${this.endpoint}`;
    const peer = `http://127.0.0.1:${await freePort()}`;
    const log = openSync(join(this.#dir, 'log'), 'a');
    const child = spawn(
      etcdProgram(),
      [
        ...['--name', 'm1', '--data-dir', join(this.#dir, 'data')],
        ...['--listen-client-urls', client, '--advertise-client-urls', client],
        ...[
          '--listen-peer-urls',
          peer,
          '--initial-advertise-peer-urls',
          peer,
          '--initial-cluster',
          `m1=${peer}`,
        ],
      ],
      { stdio: ['ignore', log, log] },
    );
    closeSync(log);
    child.on('error', () => {});
    this.#process = child;
    await eventually(
      'etcd answers',
      async () => {
        if (child.exitCode !== null) return true;
        return (await fetch(`${client}/health`)).ok;
      },
      120_000,
    );
    if (child.exitCode !== null)
      throw new Error(`etcd ended: ${readFileSync(join(this.#dir, 'log'), 'utf8')}`);
  }
}

/** The one that the tests are told to use, the machine's own, or the one that set-up fetched. */
export function etcdProgram(): string {
  const dirs = [
    ...(process.env.PATH ?? '').split(':'),
    join(process.env.KRAUD_CACHE ?? '/var/cache/kraud', 'bin'),
  ];
  const found =
    process.env.KRAUD_ETCD ?? dirs.map((dir) => join(dir, 'etcd')).find((file) => existsSync(file));
  if (found === undefined) throw new Error('there is no etcd: tools/setup/setup etcd');
  return found;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : 0);
    });
  });
  await new Promise((resolve) => server.close(resolve));
  return port;
}
