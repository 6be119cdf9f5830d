import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type Clock, type Logger, silentLogger, systemClock } from '@kraud/base';
import type { HostPaths } from '../host-paths.ts';
import { createDockerApi, type DockerApi, type DockerApiLimits } from '../index.ts';
import { FakeCloud, testCaller } from './fake-cloud.ts';

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into replies as a client would
  json: any;
}

/** A server on its own socket over a `FakeCloud`. */
export class TestServer {
  readonly fake: FakeCloud;
  readonly path: string;
  readonly #api: DockerApi;
  readonly #folder: string;
  readonly #local: boolean;

  private constructor(fake: FakeCloud, path: string, api: DockerApi, folder: string, local: boolean) {
    this.fake = fake;
    this.path = path;
    this.#api = api;
    this.#folder = folder;
    this.#local = local;
  }

  static async open(
    options: {
      limits?: Partial<DockerApiLimits>;
      clock?: Clock;
      hostPaths?: HostPaths;
      local?: boolean;
      logger?: Logger;
    } = {},
  ): Promise<TestServer> {
    const folder = await mkdtemp(join(tmpdir(), 'docker-api-'));
    const path = join(folder, 'd.sock');
    const fake = new FakeCloud();
    const api = createDockerApi({
      clock: options.clock ?? systemClock,
      logger: options.logger ?? silentLogger,
      version: '0.0.0-test',
      limits: { drainTimeoutMs: 200, lingerTimeoutMs: 1000, ...options.limits },
      ...(options.hostPaths ? { hostPaths: options.hostPaths } : {}),
    });
    await api.listen(path);
    const server = new TestServer(fake, path, api, folder, options.local ?? true);
    server.serve();
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.fake.processes.values()) process.kill(0);
    await this.#api.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  serve(): void {
    this.#api.serve({ cloud: this.fake.cloud(), caller: { ...testCaller, local: this.#local } });
  }

  pause(): Promise<void> {
    return this.#api.pause();
  }

  close(): Promise<void> {
    return this.#api.close();
  }

  ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> {
    const bytes =
      body === undefined
        ? undefined
        : Buffer.isBuffer(body) || typeof body === 'string'
          ? body
          : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const req = request({
        socketPath: this.path,
        method,
        path,
        agent: false,
        headers: { ...(bytes === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
      });
      req.on('error', reject);
      req.on('response', (res) => {
        buffer(res).then((data) => {
          const text = data.toString();
          const isJson = (res.headers['content-type'] ?? '').startsWith('application/json') && text !== '';
          resolve({
            status: res.statusCode ?? 0,
            headers: res.headers,
            text,
            json: isJson && !text.trim().includes('\n') ? JSON.parse(text) : undefined,
          });
        }, reject);
      });
      req.end(bytes);
    });
  }

  async create(cmd: string[], more: Record<string, unknown> = {}): Promise<string> {
    const reply = await this.ask('POST', '/containers/create', { Image: 'app', Cmd: cmd, ...more });
    if (reply.status !== 201) throw new Error(reply.text);
    return reply.json.Id;
  }

  raw(): RawClient {
    return new RawClient(connect({ path: this.path, allowHalfOpen: true }));
  }
}

/** A socket with everything that came so far. */
export class RawClient {
  readonly socket: Socket;
  #chunks: Buffer[] = [];
  #ended = false;
  #wake: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    const wake = (): void => {
      for (const resolve of this.#wake.splice(0)) resolve();
    };
    socket.on('data', (chunk) => {
      this.#chunks.push(chunk);
      wake();
    });
    for (const event of ['end', 'close', 'error']) {
      socket.on(event, () => {
        this.#ended = true;
        wake();
      });
    }
  }

  get text(): string {
    this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks.map((chunk) => chunk.toString('latin1')).join('');
  }

  get ended(): boolean {
    return this.#ended;
  }

  async until(condition: (text: string, ended: boolean) => boolean): Promise<string> {
    while (!condition(this.text, this.#ended)) {
      if (this.#ended) throw new Error(`the server closed after: ${JSON.stringify(this.text)}`);
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
    return this.text;
  }

  /** Everything up to the server's end. */
  all(): Promise<string> {
    return this.#allOf();
  }

  async #allOf(): Promise<string> {
    while (!this.#ended) await new Promise<void>((resolve) => this.#wake.push(resolve));
    return this.text;
  }
}
