import { KraudError } from '@kraud/base';
import type { RegistryAuth } from '../contract.ts';
import { parseObject } from '../image/json.ts';
import type { Challenge } from './challenge.ts';
import { send } from './http.ts';
import { refusal } from './refusal.ts';
import { isInsecure, type RegistrySettings } from './settings.ts';

const answerBytesMax = 1024 * 1024;
const tokenForm = /^[\x21-\x7e]+$/;

/**
 * Turns one request's credentials into what a registry asks for. Credentials go only to the registry's own
 * token service over a connection no weaker than the registry's; they are in memory for as long as this is.
 */
export class Authorizer {
  readonly #auth: RegistryAuth | undefined;
  readonly #settings: RegistrySettings;
  readonly #signal: AbortSignal | undefined;
  #header: string | undefined;
  #identityToken: string | undefined;

  constructor(auth: RegistryAuth | undefined, settings: RegistrySettings, signal?: AbortSignal) {
    this.#auth = auth;
    this.#settings = settings;
    this.#signal = signal;
    const token = auth?.registryToken;
    if (token !== undefined && !tokenForm.test(token))
      throw new KraudError('invalid', 'the registry token has characters that no token has');
    if (token !== undefined) this.#header = `Bearer ${token}`;
  }

  /** The Authorization header that worked last, or that was given. */
  get header(): string | undefined {
    return this.#header;
  }

  /** A refresh token that the registry issued. */
  get identityToken(): string | undefined {
    return this.#identityToken;
  }

  /** False if there is nothing (more) to try. */
  async answer(challenges: readonly Challenge[], registry: URL, scope: string | undefined): Promise<boolean> {
    const before = this.#header;
    const bearer = challenges.find((challenge) => challenge.scheme === 'bearer');
    if (bearer) this.#header = `Bearer ${await this.#token(bearer, registry, scope)}`;
    else if (challenges.some((challenge) => challenge.scheme === 'basic'))
      this.#header = this.#basic() ?? this.#header;
    return this.#header !== before;
  }

  #basic(): string | undefined {
    const { username, password } = this.#auth ?? {};
    if (username === undefined) return undefined;
    return `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`;
  }

  async #token(challenge: Challenge, registry: URL, scope: string | undefined): Promise<string> {
    const { realm = '', service } = challenge.parameters;
    const url = parseRealm(realm, registry);
    const wanted = scope ?? challenge.parameters.scope;
    const secret = this.#auth?.identityToken;
    const basic = this.#basic();
    const common = {
      verifyTls: !isInsecure(url.host, this.#settings),
      responseTimeoutMs: this.#settings.responseTimeoutMs,
      stallTimeoutMs: this.#settings.stallTimeoutMs,
      signal: this.#signal,
    };
    const headers = { 'user-agent': this.#settings.userAgent, accept: 'application/json' };
    if (service) url.searchParams.set('service', service);
    if (wanted) url.searchParams.set('scope', wanted);
    let response: Awaited<ReturnType<typeof send>>;
    if (secret !== undefined) {
      const form = new URLSearchParams({
        grant_type: 'refresh_token',
        refresh_token: secret,
        client_id: this.#settings.userAgent,
        ...(service ? { service } : {}),
        ...(wanted ? { scope: wanted } : {}),
      });
      url.search = '';
      const type = { 'content-type': 'application/x-www-form-urlencoded' };
      const body = Buffer.from(form.toString());
      response = await send({ ...common, method: 'POST', url, headers: { ...headers, ...type }, body });
    } else {
      if (basic !== undefined) {
        url.searchParams.set('account', this.#auth?.username ?? '');
        url.searchParams.set('offline_token', 'true');
      }
      url.searchParams.set('client_id', this.#settings.userAgent);
      const authorization: Record<string, string> = basic === undefined ? {} : { authorization: basic };
      response = await send({ ...common, method: 'GET', url, headers: { ...headers, ...authorization } });
    }
    if (response.status !== 200) throw await refusal(response, 'the token service refused');
    const json = parseObject(await response.bytes(answerBytesMax), "the token service's answer");
    const token = json.token ?? json.access_token;
    if (typeof token !== 'string' || !tokenForm.test(token))
      throw new KraudError('unavailable', "the token service's answer has no token");
    if (typeof json.refresh_token === 'string') this.#identityToken = json.refresh_token;
    return token;
  }
}

function parseRealm(realm: string, registry: URL): URL {
  if (!URL.canParse(realm)) throw new KraudError('unavailable', 'the registry names no token service');
  const url = new URL(realm);
  const secure = url.protocol === 'https:' || (url.protocol === 'http:' && registry.protocol === 'http:');
  if (!secure)
    throw new KraudError(
      'forbidden',
      `the registry wants credentials sent over ${url.protocol}//, which is refused`,
    );
  return url;
}
