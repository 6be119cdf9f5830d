import { hash, timingSafeEqual } from 'node:crypto';
import { type Clock, KraudError, type Random } from '@kraud/base';
import type { Store } from '@kraud/macro';
import type { Authority } from './authority.ts';
import type { JoinRole } from './contract.ts';
import { digestOf } from './key.ts';
import type { PeerLimits } from './limits.ts';
import { formatToken, parseToken } from './token.ts';

const prefix = '/cluster/join-token/';

interface StoredToken {
  /** SHA-256 of the secret. It is random, so nothing slower is needed. */
  readonly hash: string;
  readonly expiresMs: number;
  readonly role: JoinRole;
  /** Digest of the root that it pins. */
  readonly root: string;
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
  /** Tokens pin the root that signs; one that is on its way out is good for as long as it is trusted. */
  readonly authority: Pick<Authority, 'cert' | 'trusts'>;
}

/** What lets machines join. The store holds no secret, only its hash; a token is good for many until it ends. */
export class JoinTokens {
  readonly #parts: JoinTokensParts;
  readonly #last = new Map<JoinRole, IssuedToken>();

  constructor(parts: JoinTokensParts) {
    this.#parts = parts;
  }

  /** Without `ttlMs` the token that this process gave last, while more than half of its life is left and its root signs. */
  async issue(ttlMs?: number, role: JoinRole = 'worker'): Promise<IssuedToken> {
    const { clock, limits } = this.#parts;
    if (ttlMs !== undefined) return await this.#make(ttlMs, role);
    const lifeMs = limits.joinTokenTtlMsDefault;
    const last = this.#last.get(role);
    const isPinned = last && parseToken(last.token).authority === digestOf(this.#parts.authority.cert);
    const isYoung = last && Date.parse(last.expiresAt) - clock.now() > lifeMs / 2;
    if (isPinned && isYoung && (await this.#valid(last.token))) return last;
    const made = await this.#make(lifeMs, role);
    this.#last.set(role, made);
    return made;
  }

  async #make(lifeMs: number, role: JoinRole): Promise<IssuedToken> {
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
    const expiresMs = clock.now() + lifeMs;
    const root = digestOf(authority.cert);
    const stored: StoredToken = { hash: hash('sha256', secret, 'hex'), expiresMs, role, root };
    await store.txn({ success: [{ op: 'put', key: `${prefix}${id}`, value: JSON.stringify(stored) }] });
    const token = formatToken({ authority: root, id, secret });
    return { token, expiresAt: new Date(expiresMs).toISOString() };
  }

  /**
   * What its bearer may become. `unauthenticated` unless the token is one of ours and still valid. The answer's time
   * tells nothing of a secret.
   */
  async check(token: string): Promise<JoinRole> {
    const valid = await this.#valid(token);
    if (valid) return valid.role;
    throw new KraudError(
      'unauthenticated',
      'A valid join token is necessary to join this cluster: this one is not, or no longer; make one with: kra host join-token',
    );
  }

  async #valid(token: string): Promise<StoredToken | undefined> {
    const { id, secret, authority } = parseToken(token);
    const { entry } = await this.#parts.store.get(`${prefix}${id}`);
    const stored = entry && parseStored(entry.value);
    const given = hash('sha256', secret, 'buffer');
    const wanted = stored ? Buffer.from(stored.hash, 'hex') : Buffer.alloc(given.length);
    const equal = timingSafeEqual(given, wanted);
    if (!stored || !equal || !this.#parts.authority.trusts(authority)) return undefined;
    return stored.expiresMs > this.#parts.clock.now() ? stored : undefined;
  }

  /** All, or those of one role. */
  async revoke(role?: JoinRole): Promise<void> {
    const { store } = this.#parts;
    if (role === undefined) return void (await store.txn({ success: [{ op: 'deletePrefix', prefix }] }));
    for (const { key, value } of (await store.list(prefix)).entries) {
      if (parseStored(value).role === role) await store.txn({ success: [{ op: 'delete', key }] });
    }
  }

  /** Forgets tokens that are good for nothing any more; answers how many are left. */
  async #sweep(): Promise<number> {
    const { store, clock, authority } = this.#parts;
    const { entries } = await store.list(prefix);
    let live = 0;
    for (const { key, value } of entries) {
      const { expiresMs, root } = parseStored(value);
      if (expiresMs > clock.now() && (root === '' || authority.trusts(root))) live += 1;
      else await store.txn({ success: [{ op: 'delete', key }] });
    }
    return live;
  }
}

function parseStored(value: string): StoredToken {
  const stored: unknown = JSON.parse(value);
  if (typeof stored === 'object' && stored !== null && 'hash' in stored && 'expiresMs' in stored) {
    const [digest, expiresMs] = [String(stored.hash), Number(stored.expiresMs)];
    const role = 'role' in stored && stored.role === 'manager' ? 'manager' : 'worker';
    // Of before roots could be replaced.
    const root = 'root' in stored ? String(stored.root) : '';
    if (/^[0-9a-f]{64}$/.test(digest)) return { hash: digest, expiresMs, role, root };
  }
  throw new KraudError('corrupt', 'what is stored is not a join token');
}
