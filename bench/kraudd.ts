import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { command } from './command.ts';
import { forgetSubnets } from './forget-subnets.ts';

const kra = join(import.meta.dirname, '../bin/kra');

/** A daemon of its own on a directory of its own, driven by the real docker CLI. */
export class Kraudd {
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly socket: string;

  constructor(dir: string) {
    this.dir = dir;
    this.socket = join(dir, 'docker.sock');
    this.env = { ...process.env, DOCKER_HOST: `unix://${this.socket}`, DOCKER_CONFIG: join(dir, 'client') };
  }

  async start(config: object): Promise<void> {
    mkdirSync(this.dir, { recursive: true });
    const file = join(this.dir, 'config.json');
    writeFileSync(file, JSON.stringify(config));
    await this.#kra('up', '--config', file);
  }

  async stop(): Promise<void> {
    const ids = (await this.docker('ps', '-aq')).split('\n').filter((id) => id !== '');
    if (ids.length > 0) await this.docker('rm', '-f', ...ids);
    await this.#kra('down');
    forgetSubnets(this.dir);
  }

  async docker(...args: string[]): Promise<string> {
    return await command('docker', args, { env: this.env });
  }

  async info(): Promise<{ Kraud: { Accelerator: string; WarmSlots: number; Moulds: number } }> {
    return await this.get('/info');
  }

  async get<T>(path: string): Promise<T> {
    return JSON.parse(await this.#ask('GET', path)) as T;
  }

  async post(path: string): Promise<void> {
    await this.#ask('POST', path);
  }

  async sleep(pod: string): Promise<void> {
    await this.post(`/kraud/v1/pods/${pod}/sleep`);
  }

  /** Of the container's last start, or wake. */
  async ledger(container: string): Promise<{ phase: string; startMs: number; endMs: number }[]> {
    const { Kraud } = await this.get<{
      Kraud: { Ledger: { phase: string; startMs: number; endMs: number }[] };
    }>(`/containers/${container}/json`);
    return Kraud.Ledger;
  }

  async #ask(method: string, path: string): Promise<string> {
    return await new Promise((resolve, reject) => {
      const asked = request({ socketPath: this.socket, method, path }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          if ((response.statusCode ?? 500) < 400) resolve(text);
          else reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
        });
      });
      asked.on('error', reject).end();
    });
  }

  /** Waits until `count` slots are ready, and a moment more so that making them isn't measured. */
  async warm(count: number): Promise<void> {
    await this.#until(`${count} warm slots`, async () => (await this.info()).Kraud.WarmSlots >= count);
    await delay(100);
  }

  /** Waits until starts without a warm slot are forks, which they are under emulation. */
  async mould(): Promise<void> {
    await this.#until('a mould', async () => {
      const { Kraud } = await this.info();
      return Kraud.Moulds > 0 || Kraud.Accelerator !== 'tcg';
    });
  }

  async #until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (!(await holds())) {
      if (Date.now() > deadline) throw new Error(`not within 60 s: ${what}`);
      await delay(50);
    }
  }

  async #kra(...args: string[]): Promise<void> {
    await command(kra, ['--data-dir', this.dir, '--docker', `unix://${this.socket}`, ...args]);
  }
}
