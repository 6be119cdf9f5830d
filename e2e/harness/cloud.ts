import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { forgetSubnets } from '../../bench/forget-subnets.ts';
import { busyboxTar } from '../../bench/image.ts';
import { eventually, type Result, run } from './command.ts';
import { clearLeft, leftOf } from './left.ts';
import { allPids, killFences, ofProcess } from './processes.ts';
import type { SetClock } from './set-clock.ts';
import { leaveTemplates, takeTemplates } from './templates.ts';

const root = join(import.meta.dirname, '../..');
export const image = 'busybox';

/**
 * A one-host cloud for a test file: a real daemon on a directory of its own, real VMs, and the clients that users
 * have. `stop` checks that nothing is left of it.
 */
export class TestCloud {
  readonly dir: string;
  readonly socket: string;
  readonly env: NodeJS.ProcessEnv;
  /** More of the daemon's command line; may change between two starts. */
  args: readonly string[] = [];
  /** The daemon's own, if it has one. */
  clock: SetClock | undefined;
  /** What the daemon's command line is run by, to have it on another machine. */
  readonly #on: readonly string[];
  readonly #config: object;
  #daemon: ChildProcess | undefined;

  constructor(config: object = { cradle: { warmMax: 1 } }, parent = tmpdir(), on: readonly string[] = []) {
    this.#on = on;
    this.dir = mkdtempSync(join(parent, 'kraud-e2e-'));
    this.socket = join(this.dir, 'docker.sock');
    this.env = {
      ...process.env,
      DOCKER_HOST: `unix://${this.socket}`,
      DOCKER_CONFIG: join(this.dir, 'client'),
    };
    this.#config = config;
  }

  /** On a directory below `parent`. */
  static async start(config?: object, parent?: string): Promise<TestCloud> {
    const cloud = new TestCloud(config, parent);
    await cloud.startDaemon();
    const tar = readFileSync(await busyboxTar(cloud.dir));
    await cloud.ok(['import', '--change', 'CMD ["sh"]', '-', image], { input: tar });
    return cloud;
  }

  get pid(): number {
    assert.ok(this.#daemon?.pid, 'the daemon runs');
    return this.#daemon.pid;
  }

  get isUp(): boolean {
    return this.#daemon !== undefined && this.#daemon.exitCode === null && this.#daemon.signalCode === null;
  }

  async startDaemon(): Promise<void> {
    await takeTemplates(this.dir);
    const config = join(this.dir, 'config.json');
    writeFileSync(config, JSON.stringify(this.#config));
    const log = openSync(join(this.dir, 'kraudd.log'), 'a');
    const args = [
      '--data-dir',
      this.dir,
      '--docker',
      `unix://${this.socket}`,
      '--config',
      config,
      '--log-level',
      'debug',
      ...this.args,
    ];
    const [program = '', ...rest] = [...this.#on, join(root, 'bin/kraudd'), ...args];
    const env = { ...process.env, ...this.clock?.env };
    this.#daemon = spawn(program, rest, { env, stdio: ['ignore', log, log] });
    closeSync(log);
    const daemon = this.#daemon;
    await eventually(
      'the daemon answers',
      async () => {
        if (daemon.exitCode !== null) return true;
        return (await this.#get('/_ping')) === 'OK';
      },
      120_000,
    );
    assert.equal(daemon.exitCode, null, `kraudd ended: ${this.log(20)}`);
  }

  /** `kill -9`, as when the machine's memory runs out. */
  async killDaemon(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stopDaemon(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const daemon = this.#daemon;
    if (!daemon || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill(signal);
    await ended;
    if (daemon.pid !== undefined) this.clock?.forget(daemon.pid);
  }

  async docker(
    args: readonly string[],
    options: { input?: string | Buffer; timeoutMs?: number } = {},
  ): Promise<Result & { raw: Buffer }> {
    return await run('docker', args, { env: this.env, ...options });
  }

  /** The same, which must succeed; answers stdout without the last line's end. */
  async ok(
    args: readonly string[],
    options: { input?: string | Buffer; timeoutMs?: number } = {},
  ): Promise<string> {
    const result = await this.docker(args, options);
    assert.equal(
      result.code,
      0,
      `docker ${args.join(' ')}: ${result.stderr}${result.stdout}\n${this.log(5)}`,
    );
    return result.stdout.replace(/\n$/, '');
  }

  async kra(...args: string[]): Promise<Result> {
    const to = ['--data-dir', this.dir, '--docker', `unix://${this.socket}`];
    return await run(join(root, 'bin/kra'), [...to, ...args]);
  }

  /** Must fail with a message like this. */
  async fails(args: readonly string[], message: RegExp, code?: number): Promise<void> {
    const result = await this.docker(args);
    assert.notEqual(result.code, 0, `docker ${args.join(' ')} should have failed; it said ${result.stdout}`);
    assert.match(result.stderr + result.stdout, message);
    if (code !== undefined) assert.equal(result.code, code);
  }

  async inspect<T = Record<string, unknown>>(ref: string, format = '{{json .}}'): Promise<T> {
    return JSON.parse(await this.ok(['inspect', '--format', format, ref])) as T;
  }

  /** `docker run -d` of a shell line; answers the id. */
  async sh(line: string, options: readonly string[] = []): Promise<string> {
    return await this.ok(['run', '-d', ...options, image, 'sh', '-c', line]);
  }

  dockerode(): Docker {
    return new Docker({ socketPath: this.socket });
  }

  log(lines: number): string {
    return readFileSync(join(this.dir, 'kraudd.log'), 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  }

  async removeAll(): Promise<void> {
    const ids = (await this.ok(['ps', '-aq'])).split('\n').filter((id) => id !== '');
    if (ids.length > 0) await this.ok(['rm', '-f', '-v', ...ids], { timeoutMs: 120_000 });
  }

  /** Ends everything, and checks that no process, mount or interface of this cloud is left. */
  async stop(): Promise<void> {
    try {
      if (this.isUp) await this.removeAll();
      await this.stopDaemon();
      await this.#endFence();
      await eventually('no VMM is left', async () => (await this.vmms()).length === 0);
      await leaveTemplates(this.dir);
      assert.deepEqual(await this.left(), []);
    } catch (error) {
      await this.clear();
      throw error;
    } finally {
      forgetSubnets(this.dir);
      rmSync(this.dir, { recursive: true, force: true });
    }
  }

  /** After a failure: ends daemon, fence and VMs as they are, and takes away what the kernel has of them. */
  async clear(): Promise<void> {
    await this.killDaemon();
    await killFences(this.dir);
    await this.killVmms();
    await clearLeft(this.dir);
  }

  async killVmms(): Promise<void> {
    await eventually('the VMs are gone', async () => {
      const pids = await this.vmms();
      for (const pid of pids) process.kill(pid, 'SIGKILL');
      return pids.length === 0;
    });
  }

  /** A fence outlives its daemon, to be there for the next one. */
  async #endFence(): Promise<void> {
    const fence = connect(join(this.dir, 'fence/socket'));
    fence.on('error', () => {});
    const closed = new Promise((resolve) => fence.once('close', resolve));
    fence.end('end\n');
    await closed;
  }

  /** What the kernel has of this cloud beside its VMMs: namespaces, links, rules, mounts, control groups. */
  async left(): Promise<string[]> {
    return Object.values(await leftOf(this.dir)).flat();
  }

  /** Pids of the VMMs that have a file of this cloud open. */
  async vmms(): Promise<number[]> {
    const pids: number[] = [];
    for (const pid of allPids()) {
      if (!ofProcess(pid, 'comm').startsWith('qemu-system')) continue;
      const files = ['mountinfo', 'maps', 'cmdline'];
      if (files.some((file) => ofProcess(pid, file).includes(this.dir))) pids.push(Number(pid));
    }
    return pids;
  }

  /** Waits until a warm slot is there, so that what follows isn't slowed by making one. */
  async warm(): Promise<void> {
    await eventually(
      'a warm slot waits',
      async () =>
        (JSON.parse(await this.#get('/info')) as { Kraud: { WarmSlots: number } }).Kraud.WarmSlots > 0,
      120_000,
    );
  }

  #get(path: string): Promise<string> {
    return this.#ask('GET', path, 5_000);
  }

  /** A request without a body, which must succeed. */
  async post(path: string): Promise<void> {
    await this.#ask('POST', path, 60_000);
  }

  #ask(method: string, path: string, timeout: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const call = request({ socketPath: this.socket, method, path, timeout, agent: false }, (response) => {
        response.toArray().then((chunks) => {
          const text = Buffer.concat(chunks).toString();
          if ((response.statusCode ?? 500) < 300) resolve(text);
          else reject(new Error(text));
        }, reject);
      });
      call.once('timeout', () => call.destroy(new Error(`no answer within ${timeout} ms`)));
      call.once('error', reject);
      call.end();
    });
  }
}
