import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { type Clock, KraudError, type Logger, must } from '@kraud/base';
import type { Caller } from '@kraud/cloud';
import { type Checked, checkBody } from './body/check.ts';
import type { Node } from './body/tree.ts';
import { failureOf, HttpFault } from './errors.ts';
import type { HostPaths } from './host-paths.ts';
import type { DockerApiLimits } from './limits.ts';
import type { Query } from './query.ts';
import type { Turns } from './turns.ts';
import { bytesOf, patiently, readBody, readUpgradeBody } from './wire/body-reader.ts';
import { Hijack } from './wire/hijack.ts';
import { parseJson } from './wire/json.ts';
import { warnOfUnknown } from './wire/unknown.ts';

/** What every request of one server shares. */
export interface Serving {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: DockerApiLimits;
  readonly version: string;
  readonly hostPaths: HostPaths;
  /** Paths that this server listens on. */
  readonly sockets: readonly string[];
  readonly turns: Turns;
}

/** Faults of the body itself, which nothing more of it would mend. */
const hurried = new Set([408, 413, 504]);

/**
 * One request and its reply. Exactly one of `json`, `empty`, `raw`, `hijack` or `fail` begins the reply; after
 * that, faults can only be told inside the stream.
 */
export class Call {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly caller: Caller;
  readonly serving: Serving;
  /** Minor number of the API version that the client speaks. */
  readonly minor: number;
  readonly query: Query;
  readonly #params: Readonly<Record<string, string | undefined>>;
  readonly #tree: Node | undefined;
  readonly #socket: Socket;
  #upgrade: { socket: Socket; head: Buffer } | undefined;
  #abort: AbortController | undefined;

  constructor(parts: {
    req: IncomingMessage;
    res: ServerResponse;
    caller: Caller;
    serving: Serving;
    minor: number;
    query: Query;
    params: Readonly<Record<string, string | undefined>>;
    tree: Node | undefined;
    upgrade: { socket: Socket; head: Buffer } | undefined;
  }) {
    this.req = parts.req;
    this.#socket = parts.req.socket;
    this.res = parts.res;
    this.caller = parts.caller;
    this.serving = parts.serving;
    this.minor = parts.minor;
    this.query = parts.query;
    this.#params = parts.params;
    this.#tree = parts.tree;
    this.#upgrade = parts.upgrade;
  }

  /** Of a request that asks to leave HTTP: the connection, and what came behind the request. */
  get upgrade(): { socket: Socket; head: Buffer } | undefined {
    return this.#upgrade;
  }

  /** A part of the path that the route names. */
  param(name: string): string {
    return must(this.#params[name], `the route has no ${name}`);
  }

  /** Aborts when the client is gone, or has said that it will send nothing more. Ask for it before any await. */
  get signal(): AbortSignal {
    if (this.#abort) return this.#abort.signal;
    const abort = new AbortController();
    this.#abort = abort;
    const gone = (): void => abort.abort(new KraudError('canceled', 'the client went away'));
    this.res.once('close', gone);
    if (!this.#upgrade) this.#socket.once('end', gone);
    this.res.once('close', () => this.#socket.off('end', gone));
    return abort.signal;
  }

  /** The JSON body, held against the operation's table. `absent` is what no body at all means. */
  async body(absent: 'refuse' | 'empty' = 'empty'): Promise<Checked> {
    const { limits, clock } = this.serving;
    const options = { bytesMax: limits.bodyBytesMax, idleTimeoutMs: limits.bodyIdleTimeoutMs, clock };
    let bytes: Buffer;
    if (this.#upgrade) {
      const { socket, head } = this.#upgrade;
      const read = await readUpgradeBody(this.req, socket, head, options);
      this.#upgrade = { socket, head: read.head };
      bytes = read.body;
    } else {
      bytes = await readBody(this.req, options);
    }
    const tree = must(this.#tree, 'an operation that reads a body has rows for it');
    if (bytes.length === 0) {
      if (absent === 'refuse')
        throw new KraudError('invalid', 'invalid JSON: got EOF while reading request body');
      return { body: {}, unknown: [], warnings: [] };
    }
    this.#refuseOtherType();
    const checked = checkBody(tree, parseJson(bytes.toString('utf8')));
    warnOfUnknown(this.res, 'field', checked.unknown);
    return checked;
  }

  /** The archive in the request's body. */
  archive(): Readable {
    if (this.#upgrade) throw new HttpFault(400, 'this request takes no Upgrade');
    const { limits, clock } = this.serving;
    const parts = patiently(bytesOf(this.req), { idleTimeoutMs: limits.archiveIdleTimeoutMs, clock });
    return Readable.from(parts, { objectMode: false });
  }

  /**
   * Runs `work` while no other request changes anything, and lets none in after it has succeeded: this cloud is about to
   * be left. `conflict` when another one is under way.
   */
  async alone(work: () => Promise<void>): Promise<void> {
    await this.serving.turns.alone(this.res, work);
    this.res.setHeader('Connection', 'close');
  }

  json(status: number, body: unknown): void {
    const text = Buffer.from(`${JSON.stringify(body)}\n`);
    this.res.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': text.length });
    this.res.end(this.req.method === 'HEAD' ? undefined : text);
  }

  empty(status: number): void {
    this.res.writeHead(status, status === 200 ? { 'Content-Length': 0 } : {});
    this.res.end();
  }

  /** Sends the headers of a stream at once. */
  open(contentType: string): ServerResponse {
    this.res.writeHead(200, { 'Content-Type': contentType });
    this.res.flushHeaders();
    return this.res;
  }

  /** Takes the connection out of HTTP, with 101 if the client asked for an upgrade, else with the old 200. */
  hijack(contentTypeUpgraded: string): Promise<Hijack> {
    const { clock, limits } = this.serving;
    return Hijack.begin({
      req: this.req,
      res: this.res,
      upgrade: this.#upgrade,
      contentTypeUpgraded,
      clock,
      lingerTimeoutMs: limits.lingerTimeoutMs,
      headStartMs: limits.headStartMs,
    });
  }

  /** Ends the reply with an error, in the way that its state still allows. */
  fail(error: unknown): void {
    const { status, message } = failureOf(error);
    if (status >= 500 && status !== 501 && status !== 503) {
      this.serving.logger.error({ error, url: this.req.url, method: this.req.method }, 'request failed');
    }
    if (this.res.headersSent || this.res.destroyed || this.#socket.destroyed) {
      this.#socket.destroy();
      return;
    }
    if (status === 304) {
      this.empty(304);
      return;
    }
    if (!this.req.complete) {
      this.res.setHeader('Connection', 'close');
      if (!this.#upgrade && !hurried.has(status)) {
        void this.#restOfBody().then(() => {
          if (!this.res.destroyed) this.json(status, { message });
        });
        return;
      }
      this.req.resume();
    }
    this.json(status, { message });
  }

  /**
   * Throws away what is left of the body, for a while: clients that send an archive look for the reply only after it,
   * and a connection that closes under them is all they would tell of.
   */
  async #restOfBody(): Promise<void> {
    const { clock, limits } = this.serving;
    const over = new AbortController();
    const ended = new Promise<void>((resolve) => {
      for (const event of ['end', 'close', 'error']) this.req.once(event, () => resolve());
    });
    // Whoever began to read it may have left it there, and what is left so flows for nobody else.
    this.req.removeAllListeners('readable');
    this.req.resume();
    const late = clock.sleep(limits.lingerTimeoutMs, over.signal).catch(() => {});
    await Promise.race([ended, late]);
    over.abort();
  }

  #refuseOtherType(): void {
    const type = this.req.headers['content-type'] ?? '';
    if (type === '') throw new HttpFault(400, 'malformed Content-Type header (): mime: no media type');
    if (/^\s*application\/json\s*(;|$)/i.test(type)) return;
    throw new HttpFault(400, `unsupported Content-Type header (${type}): must be 'application/json'`);
  }
}
