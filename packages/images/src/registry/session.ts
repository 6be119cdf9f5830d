import { Backoff, type Clock, KraudError } from '@kraud/base';
import type { RegistryAuth } from '../contract.ts';
import { Authorizer } from './authorizer.ts';
import { parseChallenges } from './challenge.ts';
import { type HttpRequest, type HttpResponse, send } from './http.ts';
import { isTransient } from './refusal.ts';
import { endpointsOf, isInsecure, mirrorsOf, type RegistrySettings } from './settings.ts';

const redirectsMax = 5;

export interface SessionRequest {
  readonly method: HttpRequest['method'];
  /** Below the registry's base, `/v2/…`, or a whole URL that the registry gave. */
  readonly path: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Made anew for each attempt. */
  readonly body?: () => HttpRequest['body'];
  /** What the token is for: `repository:library/alpine:pull`. */
  readonly scope?: string;
  /** Which answers are the caller's to handle; others are transient (tried again) or returned as they are. */
  readonly retry?: boolean;
}

/**
 * One operation's conversation with one registry: finds the endpoint that answers, authenticates when asked,
 * follows redirects without ever sending the Authorization header to another origin, and tries again, within
 * limits, what may work later.
 */
export class RegistrySession {
  readonly #domain: string;
  readonly #settings: RegistrySettings;
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  readonly #auth: RegistryAuth | undefined;
  readonly #authorizers = new Map<string, Authorizer>();
  #endpoint: URL | undefined;
  #finding: Promise<URL> | undefined;

  constructor(
    domain: string,
    options: {
      settings: RegistrySettings;
      clock: Clock;
      auth?: RegistryAuth | undefined;
      signal?: AbortSignal | undefined;
      endpoint?: URL;
    },
  ) {
    this.#domain = domain;
    this.#settings = options.settings;
    this.#clock = options.clock;
    this.#auth = options.auth;
    this.#signal = options.signal;
    this.#endpoint = options.endpoint;
  }

  /** Sessions for the mirrors of this registry, in order. They get no credentials: those are the registry's. */
  mirrors(): readonly RegistrySession[] {
    return mirrorsOf(this.#domain, this.#settings).map(
      (endpoint) =>
        new RegistrySession(endpoint.host, {
          settings: this.#settings,
          clock: this.#clock,
          signal: this.#signal,
          endpoint,
        }),
    );
  }

  get settings(): RegistrySettings {
    return this.#settings;
  }

  get identityToken(): string | undefined {
    for (const authorizer of this.#authorizers.values())
      if (authorizer.identityToken !== undefined) return authorizer.identityToken;
    return undefined;
  }

  async pause(ms: number): Promise<void> {
    await this.#clock.sleep(ms, this.#signal);
  }

  async request(request: SessionRequest): Promise<HttpResponse> {
    const backoff = new Backoff(this.#settings.backoff);
    for (let attempt = 1; ; attempt += 1) {
      const last = request.retry === false || attempt >= this.#settings.attemptsMax;
      try {
        const response = await this.#authorized(request);
        if (!isTransient(response.status) || last) return response;
        const waitMs = retryAfterMs(response) ?? backoff.next();
        response.discard();
        await this.pause(Math.min(waitMs, this.#settings.backoff.maxMs));
      } catch (error) {
        const again =
          error instanceof KraudError && (error.code === 'unavailable' || error.code === 'timeout');
        if (!again || last) throw error;
        await this.pause(backoff.next());
      }
    }
  }

  async #authorized(request: SessionRequest): Promise<HttpResponse> {
    const endpoint = await this.#find();
    const url =
      request.path instanceof URL
        ? request.path
        : new URL(endpoint.pathname.replace(/\/$/, '') + request.path, endpoint);
    const authorizer = this.#authorizer(request.scope ?? '');
    const before = authorizer.header;
    const response = await this.#follow(request, url, endpoint, authorizer.header);
    if (response.status !== 401) return response;
    // Another request of this session may have got a token meanwhile.
    const challenges = parseChallenges(response.header('www-authenticate'));
    const changed =
      authorizer.header !== before || (await authorizer.answer(challenges, endpoint, request.scope));
    if (!changed) return response;
    response.discard();
    return await this.#follow(request, url, endpoint, authorizer.header);
  }

  async #follow(
    request: SessionRequest,
    start: URL,
    endpoint: URL,
    authorization: string | undefined,
  ): Promise<HttpResponse> {
    let url = start;
    for (let hops = 0; ; hops += 1) {
      const own = url.origin === endpoint.origin;
      const response = await send({
        method: request.method,
        url,
        headers: {
          'user-agent': this.#settings.userAgent,
          ...request.headers,
          ...(own && authorization !== undefined ? { authorization } : {}),
        },
        body: request.body?.(),
        verifyTls: !isInsecure(url.host, this.#settings),
        responseTimeoutMs: this.#settings.responseTimeoutMs,
        stallTimeoutMs: this.#settings.stallTimeoutMs,
        signal: this.#signal,
      });
      const location = response.header('location');
      if (![301, 302, 303, 307, 308].includes(response.status) || location === undefined) return response;
      response.discard();
      if (hops >= redirectsMax) throw new KraudError('unavailable', 'the registry redirects too often');
      url = redirected(location, url);
    }
  }

  /** The first endpoint that speaks HTTP at all: for most registries there is only one. */
  async #find(): Promise<URL> {
    if (this.#endpoint) return this.#endpoint;
    this.#finding ??= this.#probe();
    try {
      this.#endpoint = await this.#finding;
      return this.#endpoint;
    } finally {
      this.#finding = undefined;
    }
  }

  async #probe(): Promise<URL> {
    const endpoints = endpointsOf(this.#domain, this.#settings);
    let failure: unknown;
    for (const url of endpoints) {
      if (endpoints.length === 1) return url;
      try {
        const response = await send({
          method: 'GET',
          url: new URL('/v2/', url),
          headers: { 'user-agent': this.#settings.userAgent },
          verifyTls: false,
          responseTimeoutMs: this.#settings.responseTimeoutMs,
          stallTimeoutMs: this.#settings.stallTimeoutMs,
          signal: this.#signal,
        });
        response.discard();
        return url;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  #authorizer(scope: string): Authorizer {
    let authorizer = this.#authorizers.get(scope);
    if (!authorizer) {
      authorizer = new Authorizer(this.#auth, this.#settings, this.#signal);
      this.#authorizers.set(scope, authorizer);
    }
    return authorizer;
  }
}

function redirected(location: string, from: URL): URL {
  if (!URL.canParse(location, from.href))
    throw new KraudError('unavailable', 'the registry redirects to nowhere');
  const url = new URL(location, from.href);
  const secure = url.protocol === 'https:' || (url.protocol === 'http:' && from.protocol === 'http:');
  if (!secure)
    throw new KraudError('forbidden', `a redirect from ${from.protocol}// to ${url.protocol}// is refused`);
  return url;
}

function retryAfterMs(response: HttpResponse): number | undefined {
  const value = response.header('retry-after');
  return value !== undefined && /^\d{1,6}$/.test(value) ? Number(value) * 1_000 : undefined;
}
