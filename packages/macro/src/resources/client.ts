import { isDeepStrictEqual } from 'node:util';
import { assert, type Clock, KraudError, messageOf } from '@kraud/base';
import { decode, encode, validate } from '../model/encoding.ts';
import type { Kind, Kinds, Pod } from '../model/index.ts';
import { keyOf, prefixOf } from '../model/keys.ts';
import type { ResourceKey } from '../model/meta.ts';
import { mayBecome } from '../model/phases.ts';
import type { Compare, Entry, Store } from '../store/contract.ts';

/** What `mutate` is handed is the caller's own copy, to change or to spread. Undefined leaves things as they are. */
export type Mutation<K extends Kind> = (present: Kinds[K]) => Kinds[K] | undefined;

/**
 * One kind of resource in the store, typed and checked on write. Every write is conditional on what it was based
 * on, so two writers never undo each other. What is read is frozen and carries `meta.revision`.
 */
export class ResourceClient<K extends Kind> {
  readonly kind: K;
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(kind: K, parts: { store: Store; clock: Clock }) {
    this.kind = kind;
    this.#store = parts.store;
    this.#clock = parts.clock;
  }

  async get(key: ResourceKey): Promise<Kinds[K] | undefined> {
    const { entry } = await this.#store.get(keyOf(this.kind, key));
    return entry && this.#decode(entry);
  }

  /** All of a tenant, or of everyone, as of `revision`. */
  async list(tenant?: string): Promise<{ resources: Kinds[K][]; revision: number }> {
    const { entries, revision } = await this.#store.list(prefixOf(this.kind, tenant));
    return { resources: entries.map((entry) => this.#decode(entry)), revision };
  }

  /** `exists` when the name is taken. Asking again after an unknown outcome is safe: the uid tells. */
  async create(resource: Kinds[K]): Promise<Kinds[K]> {
    validate(this.kind, resource);
    const key = keyOf(this.kind, resource.meta);
    const value = encode(resource);
    const result = await this.#store.txn({
      compare: [{ key, target: 'exists', is: false }],
      success: [{ op: 'put', key, value }],
      failure: [{ op: 'get', key }],
    });
    if (result.succeeded) return decode(this.kind, value, result.revision);
    const [response] = result.responses;
    const holder = response?.op === 'get' && response.entry ? this.#decode(response.entry) : undefined;
    if (holder?.meta.uid === resource.meta.uid) return holder;
    throw new KraudError('exists', `${this.kind} ${resource.meta.name} exists`);
  }

  /** Writes what was read and changed; `conflict` if anyone changed it since. */
  async update(resource: Kinds[K]): Promise<Kinds[K]> {
    const { revision } = resource.meta;
    if (revision === undefined)
      throw new KraudError('invalid', 'an update needs the revision it is based on');
    const before = await this.get(resource.meta);
    if (!before) throw this.#notFound(resource.meta);
    const written = before.meta.revision === revision ? await this.#write(before, resource) : undefined;
    if (written) return written;
    throw new KraudError('conflict', `${this.kind} ${resource.meta.name} has been changed by someone else`);
  }

  /**
   * Applies `change` until it holds against other writers. `guess` is a version to try first, which saves reading;
   * a refusal is only believed of the present one. Answers what is there afterwards. A resource whose deletion was
   * asked for goes with its last finalizer. `also` must hold of the store in the same step: `conflict` when it doesn't.
   */
  async mutate(
    key: ResourceKey,
    change: Mutation<K>,
    { guess, also = [] }: { guess?: Kinds[K] | undefined; also?: readonly Compare[] | undefined } = {},
  ): Promise<Kinds[K]> {
    if (guess) {
      const written = await this.#tryGuess(guess, change, also);
      if (written) return written;
    }
    let refused: number | undefined;
    for (;;) {
      const before = await this.get(key);
      if (!before) throw this.#notFound(key);
      if (before.meta.revision === refused) {
        throw new KraudError('conflict', `${this.kind} ${key.name} may not be changed now`);
      }
      const after = change(structuredClone(before));
      if (after === undefined) return before;
      const written = await this.#write(before, after, also);
      if (written) return written;
      // Refused although nobody changed the resource: then it was the other condition.
      if (also.length > 0) refused = before.meta.revision;
    }
  }

  /**
   * Asks for deletion: it goes at once, or is marked and goes when its finalizers are done. Gone already is fine.
   * With `uid`, only that very one and not another that has its name by now. Answers the revision that did it; 0 if
   * there was nothing to do.
   */
  async delete(key: ResourceKey, options: { uid?: string } = {}): Promise<number> {
    for (;;) {
      const before = await this.get(key);
      if (!before || (options.uid !== undefined && before.meta.uid !== options.uid)) return 0;
      if (before.meta.deletedAt !== undefined && before.meta.finalizers.length > 0) return 0;
      const deletedAt = new Date(this.#clock.now()).toISOString();
      const written = await this.#write(before, { ...before, meta: { ...before.meta, deletedAt } });
      if (written) return written.meta.revision ?? 0;
    }
  }

  /** Gives it another name, in one revision. `exists` when that is taken. */
  async rename(key: ResourceKey, name: string): Promise<Kinds[K]> {
    const from = keyOf(this.kind, key);
    const to = keyOf(this.kind, { ...key, name });
    for (;;) {
      const before = await this.get(key);
      if (!before) throw this.#notFound(key);
      if (from === to) return before;
      const after = { ...before, meta: { ...before.meta, name } };
      validate(this.kind, after);
      const value = encode(after);
      const result = await this.#store.txn({
        compare: [
          { key: from, target: 'modRevision', op: '=', to: before.meta.revision ?? 0 },
          { key: to, target: 'exists', is: false },
        ],
        success: [
          { op: 'put', key: to, value },
          { op: 'delete', key: from },
        ],
        failure: [{ op: 'get', key: to }],
      });
      if (result.succeeded) return decode(this.kind, value, result.revision);
      const [holder] = result.responses;
      if (holder?.op === 'get' && holder.entry) throw new KraudError('exists', `${this.kind} ${name} exists`);
    }
  }

  async #tryGuess(
    guess: Kinds[K],
    change: Mutation<K>,
    also: readonly Compare[],
  ): Promise<Kinds[K] | undefined> {
    let after: Kinds[K] | undefined;
    try {
      after = change(structuredClone(guess));
    } catch {
      // It may refuse only because the guess is old: the caller asks the present version next.
      return undefined;
    }
    const written = after && (await this.#write(guess, after, also));
    return written === guess ? undefined : written;
  }

  /** Undefined if `before` isn't the present version any more, or `also` doesn't hold. */
  async #write(
    before: Kinds[K],
    proposed: Kinds[K],
    also: readonly Compare[] = [],
  ): Promise<Kinds[K] | undefined> {
    const key = keyOf(this.kind, before.meta);
    const after = withGeneration(before, proposed);
    checkStep(before, after);
    validate(this.kind, after);
    if (isDeepStrictEqual(withoutRevision(before), withoutRevision(after))) return before;
    const goes = after.meta.deletedAt !== undefined && after.meta.finalizers.length === 0;
    const value = encode(after);
    const result = await this.#store.txn({
      compare: [{ key, target: 'modRevision', op: '=', to: before.meta.revision ?? 0 }, ...also],
      success: [goes ? { op: 'delete', key } : { op: 'put', key, value }],
    });
    return result.succeeded ? decode(this.kind, value, result.revision) : undefined;
  }

  #decode(entry: Entry): Kinds[K] {
    try {
      return decode(this.kind, entry.value, entry.modRevision);
    } catch (error) {
      throw new KraudError('corrupt', `${entry.key}: ${messageOf(error)}`, { cause: error });
    }
  }

  #notFound(key: ResourceKey): KraudError {
    return new KraudError('not-found', `no such ${this.kind}: ${key.name}`);
  }
}

function withGeneration<R extends Kinds[Kind]>(before: R, after: R): R {
  const same = isDeepStrictEqual(before.spec, after.spec);
  const generation = before.meta.generation + (same ? 0 : 1);
  return { ...after, meta: { ...after.meta, generation } };
}

function withoutRevision(resource: Kinds[Kind]): unknown {
  const { revision: _, ...meta } = resource.meta;
  return { ...resource, meta };
}

/** What no writer may change, and steps that no pod can take: bugs, not faults. */
function checkStep(before: Kinds[Kind], after: Kinds[Kind]): void {
  const fixed = ['uid', 'tenant', 'namespace', 'name', 'createdAt'] as const;
  for (const field of fixed) {
    assert(
      before.meta[field] === after.meta[field],
      `meta.${field} of ${before.kind} ${before.meta.name} changed`,
    );
  }
  const undeleted = before.meta.deletedAt !== undefined && after.meta.deletedAt === undefined;
  assert(!undeleted, `the deletion of ${before.kind} ${before.meta.name} was taken back`);
  if (before.kind === 'Pod' && after.kind === 'Pod') checkPhase(before, after);
}

function checkPhase(before: Pod, after: Pod): void {
  const [from, to] = [before.status.phase, after.status.phase];
  assert(mayBecome(from, to), `pod ${before.meta.name} can't go from ${from} to ${to}`);
}
