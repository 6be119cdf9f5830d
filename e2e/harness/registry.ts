import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { eventually, run } from './command.ts';

/** A real registry, Debian's `docker-registry`, on a loopback port and a directory of its own. */
export class TestRegistry {
  readonly host: string;
  readonly #dir: string;
  readonly #child: ChildProcess;

  private constructor(host: string, dir: string, child: ChildProcess) {
    this.host = host;
    this.#dir = dir;
    this.#child = child;
  }

  /** `login` asks for this name and password. */
  static async start(dir: string, login?: { name: string; password: string }): Promise<TestRegistry> {
    mkdirSync(dir, { recursive: true });
    const program = await findProgram(dir);
    const host = `127.0.0.1:${await freePort()}`;
    const config: Record<string, unknown> = {
      version: '0.1',
      storage: { filesystem: { rootdirectory: join(dir, 'data') } },
      http: { addr: host },
    };
    if (login) {
      const users = join(dir, 'users');
      writeFileSync(users, `${login.name}:${await bcrypt(login.password)}\n`);
      config.auth = { htpasswd: { realm: 'test', path: users } };
    }
    // JSON is YAML.
    writeFileSync(join(dir, 'config.yml'), JSON.stringify(config));
    const log = openSync(join(dir, 'log'), 'a');
    const child = spawn(program, ['serve', join(dir, 'config.yml')], { stdio: ['ignore', log, log] });
    closeSync(log);
    await eventually('the registry listens', async () => (await fetch(`http://${host}/v2/`)).status < 500);
    return new TestRegistry(host, dir, child);
  }

  /** Cuts every blob of at least this size in half, as a failing disk would. */
  truncateBlobs(bytesMin: number): void {
    const blobs = join(this.#dir, 'data/docker/registry/v2/blobs/sha256');
    let cut = 0;
    for (const entry of readdirSync(blobs, { recursive: true, withFileTypes: true })) {
      if (entry.name !== 'data') continue;
      const path = join(entry.parentPath, entry.name);
      const { size } = statSync(path);
      if (size < bytesMin) continue;
      truncateSync(path, Math.floor(size / 2));
      cut += 1;
    }
    assert.ok(cut > 0, 'a blob was cut');
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await ended;
  }
}

/** The machine's own, or Debian's package unpacked beside the data. */
async function findProgram(dir: string): Promise<string> {
  const installed = '/usr/bin/docker-registry';
  if (existsSync(installed)) return installed;
  const line = 'apt-get download docker-registry && dpkg -x docker-registry_*.deb .';
  const result = await run('sh', ['-c', `cd "$1" && ${line}`, 'sh', dir], { timeoutMs: 120_000 });
  assert.equal(result.code, 0, `docker-registry is needed: ${result.stderr}`);
  return join(dir, 'usr/bin/docker-registry');
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  await new Promise((resolve) => server.close(resolve));
  return address.port;
}

/** The registry knows no other hash; the C library behind perl makes it. */
async function bcrypt(password: string): Promise<string> {
  const script = 'print crypt($ARGV[0], q($2y$05$abcdefghijklmnopqrstuu))';
  const { stdout } = await run('perl', ['-e', script, password]);
  assert.match(stdout, /^\$2y\$/);
  return stdout;
}
