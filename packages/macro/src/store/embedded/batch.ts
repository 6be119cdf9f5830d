import { KraudError, must } from '@kraud/base';
import type { Compare, Entry, Op, OpResponse, TxnRequest, TxnResult, WatchEvent } from '../contract.ts';
import { type Engine, type LogRecord, placeOf, prefixRange } from './engine.ts';
import { View } from './view.ts';

/** What one revision changed. */
export interface Commit {
  readonly revision: number;
  readonly events: readonly WatchEvent[];
}

/**
 * Transactions that become durable together. Each is evaluated on top of the ones before it and takes its own
 * revision. A method that throws has changed nothing.
 */
export class Batch {
  readonly view: View;
  readonly #commits: Commit[] = [];
  #revision: number;
  #events: WatchEvent[] = [];

  constructor(engine: Engine) {
    this.view = new View(engine);
    this.#revision = engine.get('meta', 'revision') ?? 1;
  }

  get revision(): number {
    return this.#revision;
  }

  get commits(): readonly Commit[] {
    return this.#commits;
  }

  txn(request: TxnRequest): TxnResult {
    const succeeded = (request.compare ?? []).every((compare) => this.#holds(compare));
    const ops = succeeded ? request.success : (request.failure ?? []);
    for (const op of ops) {
      if (op.op === 'put' && op.lease !== undefined && !this.view.get('leases', op.lease)) {
        throw new KraudError('not-found', `no such lease: ${op.lease}`);
      }
    }
    const responses = ops.map((op) => this.#apply(op));
    return { succeeded, revision: this.#seal(), responses };
  }

  grant(id: string, ttlMs: number): void {
    this.view.put('leases', id, { ttlMs });
  }

  /** Ends a lease and deletes its keys. */
  revoke(id: string): void {
    if (!this.view.get('leases', id)) return;
    const held = [...this.view.range('leased', prefixRange(`${id} `))];
    for (const [row] of held) this.#delete(row.slice(id.length + 1));
    this.view.delete('leases', id);
    this.#seal();
  }

  entry(key: string): Entry | undefined {
    const place = this.view.get('index', key);
    return place === undefined ? undefined : this.#record(place).entry;
  }

  #record(place: string): LogRecord {
    return must(this.view.get('log', place), `the index points to nothing at ${place}`);
  }

  #holds(compare: Compare): boolean {
    const entry = this.entry(compare.key);
    switch (compare.target) {
      case 'exists':
        return (entry !== undefined) === compare.is;
      case 'value':
        return entry !== undefined && (entry.value === compare.to) === (compare.op === '=');
      default: {
        const is = entry?.[compare.target] ?? 0;
        if (compare.op === '=') return is === compare.to;
        if (compare.op === '!=') return is !== compare.to;
        return compare.op === '<' ? is < compare.to : is > compare.to;
      }
    }
  }

  #apply(op: Op): OpResponse {
    switch (op.op) {
      case 'get': {
        const entry = this.entry(op.key);
        return { op: 'get', ...(entry ? { entry } : {}) };
      }
      case 'put': {
        const prev = this.#put(op.key, op.value, op.lease);
        return { op: 'put', ...(prev ? { prev } : {}) };
      }
      case 'delete': {
        const prev = this.#delete(op.key);
        return { op: 'delete', deleted: prev ? [prev] : [] };
      }
      case 'deletePrefix': {
        const keys = [...this.view.range('index', prefixRange(op.prefix))].map(([key]) => key);
        return { op: 'deletePrefix', deleted: keys.flatMap((key) => this.#delete(key) ?? []) };
      }
    }
  }

  #put(key: string, value: string, lease: string | undefined): Entry | undefined {
    const revision = this.#revision + 1;
    const prev = this.entry(key);
    const entry: Entry = {
      key,
      value,
      createRevision: prev?.createRevision ?? revision,
      modRevision: revision,
      version: (prev?.version ?? 0) + 1,
      ...(lease === undefined ? {} : { lease }),
    };
    this.view.put('index', key, this.#log(key, entry));
    if (prev?.lease !== undefined && prev.lease !== lease) this.view.delete('leased', `${prev.lease} ${key}`);
    if (lease !== undefined) this.view.put('leased', `${lease} ${key}`, true);
    this.#events.push({ type: 'put', key, revision, entry, ...(prev ? { prev } : {}) });
    return prev;
  }

  #delete(key: string): Entry | undefined {
    const prev = this.entry(key);
    if (!prev) return undefined;
    this.#log(key, undefined);
    this.view.delete('index', key);
    if (prev.lease !== undefined) this.view.delete('leased', `${prev.lease} ${key}`);
    this.#events.push({ type: 'delete', key, revision: this.#revision + 1, prev });
    return prev;
  }

  #log(key: string, entry: Entry | undefined): string {
    const revision = this.#revision + 1;
    const place = placeOf(revision, this.#events.length);
    const prev = this.view.get('index', key);
    this.view.put('log', place, {
      key,
      revision,
      ...(entry ? { entry } : {}),
      ...(prev === undefined ? {} : { prev }),
    });
    return place;
  }

  /** Ends a transaction: what it changed becomes one revision. */
  #seal(): number {
    if (this.#events.length > 0) {
      this.#revision += 1;
      this.#commits.push({ revision: this.#revision, events: this.#events });
      this.#events = [];
      this.view.put('meta', 'revision', this.#revision);
    }
    return this.#revision;
  }
}
