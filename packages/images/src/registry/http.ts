import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { KraudError, messageOf } from '@kraud/base';
import type { ByteStream } from '../contract.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | { readonly stream: ByteStream; readonly sizeBytes: number } | undefined;
  readonly verifyTls: boolean;
  readonly responseTimeoutMs: number;
  readonly stallTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** A response whose body must be read, by `text` or `body`, or dropped by `discard`. */
export class HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Where it came from, after redirects. */
  readonly url: URL;
  readonly #message: IncomingMessage;
  readonly #method: string;
  readonly #stallTimeoutMs: number;

  constructor(message: IncomingMessage, request: { method: string; url: URL; stallTimeoutMs: number }) {
    const { method, url, stallTimeoutMs } = request;
    this.#method = method;
    this.url = url;
    this.status = message.statusCode ?? 0;
    this.headers = message.headers;
    this.#message = message;
    this.#stallTimeoutMs = stallTimeoutMs;
  }

  header(name: string): string | undefined {
    const value = this.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  /** Fails with `unavailable` if the connection breaks or stalls before the end. */
  async *body(): AsyncGenerator<Buffer, void, void> {
    const message = this.#message;
    message.setTimeout(this.#stallTimeoutMs, () => message.destroy(new Error('the connection has stalled')));
    try {
      for await (const chunk of message) yield chunk as Buffer;
      if (!message.complete) throw new Error('the connection was closed early');
    } catch (error) {
      throw new KraudError('unavailable', messageOf(error), { cause: error });
    } finally {
      message.destroy();
    }
  }

  async bytes(bytesMax: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let length = 0;
    for await (const part of this.body()) {
      length += part.length;
      if (length > bytesMax)
        throw new KraudError('exhausted', `the registry's answer is larger than ${bytesMax} bytes`);
      parts.push(part);
    }
    return Buffer.concat(parts);
  }

  /** Small ones are read to their end, so that the connection can be used again. */
  discard(): void {
    this.#message.on('error', () => {});
    const length = Number(this.header('content-length') ?? Number.POSITIVE_INFINITY);
    if (length <= discardBytesMax || this.#method === 'HEAD') this.#message.resume();
    else this.#message.destroy();
  }
}

const discardBytesMax = 64 * 1024;

/** One request, no redirects followed, nothing retried. Network faults are `unavailable` or `timeout`. */
export async function send(options: HttpRequest): Promise<HttpResponse> {
  const { url, body } = options;
  if (options.signal?.aborted) throw new KraudError('canceled', 'canceled');
  const secure = url.protocol === 'https:';
  const length = body === undefined ? 0 : body instanceof Uint8Array ? body.length : body.sizeBytes;
  const hasLength = body !== undefined || options.method === 'POST' || options.method === 'PUT';
  const init = {
    method: options.method,
    headers: { ...options.headers, ...(hasLength ? { 'content-length': String(length) } : {}) },
    ...(options.signal ? { signal: options.signal } : {}),
    ...(secure ? { rejectUnauthorized: options.verifyTls } : {}),
  };
  const request = secure ? httpsRequest(url, init) : httpRequest(url, init);
  const answered = new Promise<HttpResponse>((resolve, reject) => {
    request.setTimeout(options.responseTimeoutMs, () =>
      request.destroy(new KraudError('timeout', `no answer within ${options.responseTimeoutMs} ms`)),
    );
    request.on('response', (message) => resolve(new HttpResponse(message, options)));
    request.on('error', reject);
    request.on('close', () => reject(new Error('the connection was closed')));
  });
  answered.catch(() => {});
  try {
    if (body === undefined) request.end();
    else if (body instanceof Uint8Array) request.end(body);
    // A registry may answer (and refuse) before it has read everything.
    else await Promise.race([pipeline(Readable.from(body.stream), request), answered]);
    return await answered;
  } catch (error) {
    request.destroy();
    if (error instanceof KraudError) throw error;
    if (options.signal?.aborted) throw new KraudError('canceled', 'canceled', { cause: error });
    throw new KraudError('unavailable', `${options.method} ${url.origin}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
