import { hash, timingSafeEqual } from 'node:crypto';
import { type Clock, KraudError, type Random } from '@kraud/base';
import type { Store } from '@kraud/macro';
import type { PeerLimits } from './limits.ts';
import { formatToken, parseToken } from './token.ts';

const prefix = '/cluster/join-token/';

interface StoredToken {
  /** SHA-256 of the secret. It is random, so nothing slower is needed. */
  readonly hash: string;
  readonly expiresMs: number;
}

export interface IssuedToken {
  readonly token: string;
  /** ISO 8601. */
  readonly expiresAt: string;
}

export interface JoinTokensParts {
  readonly store: Store;
  readonly clock: Clock;
  /** For secrets: never a seeded one. */
  readonly random: Random;
  readonly limits: PeerLimits;
  /** Digest of the CA, which the tokens pin. */
  readonly authority: string;
}

/** What lets machines join. The store holds no secret, only its hash; a token is good for many until it ends. */
export class JoinTokens {
  readonly #parts: JoinTokensParts;
  #last: IssuedToken | undefined;

  constructor(parts: JoinTokensParts) {
    this.#parts = parts;
  }

  /** Without `ttlMs` the token that this process gave last, while more than half of its life is left. */
  async issue(ttlMs?: number): Promise<IssuedToken> {
    const { clock, limits } = this.#parts;
    if (ttlMs !== undefined) return await this.#make(ttlMs);
    const lifeMs = limits.joinTokenTtlMsDefault;
    const last = this.#last;
    if (last && Date.parse(last.expiresAt) - clock.now() > lifeMs / 2 && (await this.#isValid(last.token))) {
      return last;
    }
    this.#last = await this.#make(lifeMs);
    return this.#last;
  }

  async #make(lifeMs: number): Promise<IssuedToken> {
    const { store, clock, random, limits, authority } = this.#parts;
    if (!(lifeMs > 0 && lifeMs <= limits.joinTokenTtlMsMax)) {
      throw new KraudError('invalid', `a join token lives from 1 to ${limits.joinTokenTtlMsMax} ms`);
    }
    const live = await this.#sweep();
    if (live >= limits.joinTokensMax) {
      throw new KraudError(
        'exhausted',
        `${live} join tokens are valid, the most that may be; end them all with: kra host join-token --rotate`,
      );
    }
    const id = random.bytes(8).toString('hex');
    const secret = random.bytes(16).toString('hex');
    const stored: StoredToken = { hash: hash('sha256', secret, 'hex'), expiresMs: clock.now() + lifeMs };
    await store.txn({ success: [{ op: 'put', key: `${prefix}${id}`, value: JSON.stringify(stored) }] });
    const token = formatToken({ authority, id, secret });
    return { token, expiresAt: new Date(stored.expiresMs).toISOString() };
  }

  /** `unauthenticated` unless the token is one of ours and still valid. The answer's time tells nothing of a secret. */
  async check(token: string): Promise<void> {
    if (await this.#isValid(token)) return;
    throw new KraudError(
      'unauthenticated',
      'this join token is not valid, or no longer; make a new one with: kra host join-token',
    );
  }

  async #isValid(token: string): Promise<boolean> {
    const { id, secret, authority } = parseToken(token);
    const { entry } = await this.#parts.store.get(`${prefix}${id}`);
    const stored = entry && parseStored(entry.value);
    const given = hash('sha256', secret, 'buffer');
    const wanted = stored ? Buffer.from(stored.hash, 'hex') : Buffer.alloc(given.length);
    const equal = timingSafeEqual(given, wanted);
    if (!stored || !equal || authority !== this.#parts.authority) return false;
    return stored.expiresMs > this.#parts.clock.now();
  }

  async revokeAll(): Promise<void> {
    await this.#parts.store.txn({ success: [{ op: 'deletePrefix', prefix }] });
  }

  /** Forgets tokens that have expired; answers how many are left. */
  async #sweep(): Promise<number> {
    const { store, clock } = this.#parts;
    const { entries } = await store.list(prefix);
    let live = 0;
    for (const { key, value } of entries) {
      if (parseStored(value).expiresMs > clock.now()) live += 1;
      else await store.txn({ success: [{ op: 'delete', key }] });
    }
    return live;
  }
}

function parseStored(value: string): StoredToken {
  const stored: unknown = JSON.parse(value);
  if (typeof stored === 'object' && stored !== null && 'hash' in stored && 'expiresMs' in stored) {
    const [digest, expiresMs] = [String(stored.hash), Number(stored.expiresMs)];
    if (/^[0-9a-f]{64}$/.test(digest)) return { hash: digest, expiresMs };
  }
  throw new KraudError('corrupt', 'what is stored is not a join token');
}
