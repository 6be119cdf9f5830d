import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { KraudError } from '@kraud/base';
import type { SlowDisk } from './slow-disk.ts';
import type { WallClock } from './wall-clock.ts';

/** PEM files that members and clients show each other. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface MemberOptions {
  readonly name: string;
  readonly dir: string;
  readonly clientPort: number;
  readonly peerPort: number;
  /** Where the others reach it, when that isn't its own port. */
  readonly advertisedPeerPort: number;
  /** `name=url,…` of all members. */
  readonly initialCluster: string;
  /** False: nothing waits for the disk, for tests that don't kill. */
  readonly durable: boolean;
  readonly tls?: TlsFiles | undefined;
  /** Has its directory, and limits its process. */
  readonly disk?: SlowDisk | undefined;
  /** What it takes for the time of day. */
  readonly clock?: WallClock | undefined;
}

/** One etcd process on a directory of its own. It may be killed, paused and started again. */
export class Member {
  readonly name: string;
  readonly #options: MemberOptions;
  #process: ChildProcess | undefined;

  constructor(options: MemberOptions) {
    this.name = options.name;
    this.#options = options;
    mkdirSync(options.dir, { recursive: true, mode: 0o700 });
  }

  /** `host:port` of its clients. */
  get endpoint(): string {
    return `127.0.0.1:${this.#options.clientPort}`;
  }

  get running(): boolean {
    const child = this.#process;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** Its last words. */
  log(): string {
    return readFileSync(this.#logFile, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
  }

  start(): void {
    const { name, dir, clientPort, peerPort, advertisedPeerPort, initialCluster, durable, tls } =
      this.#options;
    const clientUrl = `${tls ? 'https' : 'http'}://127.0.0.1:${clientPort}`;
    const log = openSync(this.#logFile, 'a');
    const args = [
      ...['--name', name, '--data-dir', join(dir, 'data'), '--logger', 'zap', '--log-level', 'warn'],
      ...['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
      ...['--listen-peer-urls', `http://127.0.0.1:${peerPort}`],
      ...['--initial-advertise-peer-urls', `http://127.0.0.1:${advertisedPeerPort}`],
      ...['--initial-cluster', initialCluster, '--initial-cluster-token', dirname(dir)],
      ...(durable ? [] : ['--unsafe-no-fsync']),
      ...(tls
        ? ['--cert-file', tls.cert, '--key-file', tls.key, '--trusted-ca-file', tls.ca, '--client-cert-auth']
        : []),
    ];
    const [program, all] = this.clock?.command(etcdBinary(), args) ?? [etcdBinary(), args];
    const child = spawn(program, all, { stdio: ['ignore', log, log] });
    closeSync(log);
    child.on('error', () => {});
    this.#process = child;
    if (child.pid !== undefined) this.disk?.join(child.pid);
  }

  get disk(): SlowDisk | undefined {
    return this.#options.disk;
  }

  get clock(): WallClock | undefined {
    return this.#options.clock;
  }

  /** What its own clock says, in whole seconds: the date of an answer of its HTTP server. */
  async now(): Promise<number> {
    const answer = await this.#ask();
    await answer.body?.cancel();
    return Date.parse(answer.headers.get('date') ?? '');
  }

  async version(): Promise<string> {
    return String(JSON.parse(await (await this.#ask()).text()).etcdserver);
  }

  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  /** As a power cut takes it, but for the disk's own cache. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (!child || !this.running) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  #ask(): Promise<Response> {
    return fetch(`http://${this.endpoint}/version`, { signal: AbortSignal.timeout(60_000) });
  }

  get #logFile(): string {
    return join(this.#options.dir, 'log');
  }
}

/** The one that the tests are told to use, the machine's own, or the one that set-up fetched. */
function etcdBinary(): string {
  const cached = join(process.env.KRAUD_CACHE ?? '/var/cache/kraud', 'bin/etcd');
  const path = (process.env.PATH ?? '').split(':').map((dir) => join(dir, 'etcd'));
  const found = process.env.KRAUD_ETCD ?? [...path, cached].find((file) => existsSync(file));
  if (found === undefined) throw new KraudError('not-found', 'there is no etcd: tools/setup/setup etcd');
  return found;
}
