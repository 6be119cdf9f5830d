import { type Clock, KraudError, type Logger, type Random } from '@kraud/base';
import {
  CompactedError,
  type Entry,
  type GetResult,
  type Lease,
  type ListOptions,
  type ListResult,
  type Store,
  type TxnRequest,
  type TxnResult,
  type WatchBatch,
  type WatchOptions,
} from '../contract.ts';
import { checkKey, checkPrefix, checkRevision, checkTxn } from '../validate.ts';
import { type EtcdAddress, parseEtcdAddress } from './address.ts';
import { Cluster, closedError } from './cluster.ts';
import type { EtcdTls } from './endpoint.ts';
import { isCompacted, isTooLargeToReceive } from './faults.ts';
import { Hub } from './hub.ts';
import { everything, Keyspace } from './keyspace.ts';
import { Leases } from './leases.ts';
import { type EtcdLimits, etcdLimits } from './limits.ts';
import { rpcs } from './rpcs.ts';
import { Translator } from './translate.ts';
import type { RangeRequest } from './wire/requests.ts';
import type { RangeResponse } from './wire/responses.ts';

export interface EtcdOptions {
  /** `etcd://host:port,…/prefix`. */
  readonly address: string;
  readonly tls?: EtcdTls | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits?: Partial<EtcdLimits>;
}

/** The store's promises kept by an etcd cluster, which several processes share. */
export class EtcdStore implements Store {
  readonly #cluster: Cluster;
  readonly #keys: Keyspace;
  readonly #translator: Translator;
  readonly #limits: EtcdLimits;
  readonly #hub: Hub;
  readonly #leases: Leases;
  readonly #running = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  private constructor(cluster: Cluster, address: EtcdAddress, revision: number, options: EtcdOptions) {
    const { clock, random } = options;
    const logger = options.logger.child({ store: address.endpoints.join(',') });
    const limits = { ...etcdLimits, ...options.limits };
    const keys = new Keyspace(address.prefix);
    const translator = new Translator(keys);
    const present = (): Promise<number> => presentRevision(cluster);
    this.#cluster = cluster;
    this.#keys = keys;
    this.#translator = translator;
    this.#limits = limits;
    this.#hub = new Hub({ cluster, keys, translator, clock, logger, limits, present }, revision);
    this.#leases = new Leases({ cluster, clock, random, limits });
  }

  /** Fails if no member of the cluster can be reached. */
  static async open(options: EtcdOptions): Promise<EtcdStore> {
    const address = parseEtcdAddress(options.address);
    const { tls, clock, random } = options;
    const cluster = new Cluster({
      address,
      tls,
      clock,
      random,
      limits: { ...etcdLimits, ...options.limits },
    });
    try {
      return new EtcdStore(cluster, address, await presentRevision(cluster), options);
    } catch (error) {
      cluster.close();
      throw error;
    }
  }

  async get(key: string, options: { revision?: number } = {}): Promise<GetResult> {
    checkKey(key);
    if (options.revision !== undefined) checkRevision(options.revision, 1);
    const { kvs, revision } = await this.#range({
      key: this.#keys.outer(key),
      revision: options.revision,
    });
    const [kv] = kvs;
    return { revision, ...(kv ? { entry: this.#translator.entry(kv) } : {}) };
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    checkPrefix(prefix);
    if (options.revision !== undefined) checkRevision(options.revision, 1);
    for (;;) {
      try {
        return await this.#list(prefix, options);
      } catch (error) {
        // Between two pages of the present state; whoever asked for an old one must know.
        if (!(error instanceof CompactedError) || options.revision !== undefined) throw error;
      }
    }
  }

  async txn(request: TxnRequest): Promise<TxnResult> {
    checkTxn(request);
    const response = await this.#run(() => this.#cluster.write(rpcs.txn, this.#translator.txn(request)));
    return this.#translator.result(request, response);
  }

  watch(prefix: string, options: WatchOptions): AsyncIterable<WatchBatch> {
    checkPrefix(prefix);
    checkRevision(options.fromRevision, 1);
    this.#checkOpen();
    return this.#hub.watch(prefix, options);
  }

  async lease(ttlMs: number): Promise<Lease> {
    return this.#run(() => this.#leases.grant(ttlMs));
  }

  async revision(): Promise<number> {
    return this.#run(() => presentRevision(this.#cluster));
  }

  async compact(revision: number): Promise<void> {
    checkRevision(revision, 1);
    try {
      await this.#run(() => this.#cluster.read(rpcs.compact, revision));
    } catch (error) {
      if (!isCompacted(error)) throw error;
    }
    await this.#hub.compacted(revision, this.#limits.requestTimeoutMs);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const watches = this.#hub.close();
    await Promise.allSettled(this.#running);
    this.#leases.close();
    this.#cluster.close();
    await watches;
  }

  async #list(prefix: string, options: ListOptions): Promise<ListResult> {
    const limit = options.limit ?? Number.POSITIVE_INFINITY;
    const entries: Entry[] = [];
    let { after } = options;
    let at = options.revision;
    let present: number | undefined;
    let pageEntries = this.#limits.listPageEntries;
    for (;;) {
      const wanted = Math.min(pageEntries, limit - entries.length);
      if (wanted <= 0) return { entries, revision: present ?? (await this.revision()), more: true };
      const request = { ...this.#keys.range(prefix, after), limit: wanted, revision: at };
      const page = await this.#page(request);
      if (page === undefined) {
        pageEntries = Math.max(1, Math.floor(wanted / 2));
        continue;
      }
      present ??= page.revision;
      at ??= page.revision;
      for (const kv of page.kvs) entries.push(this.#translator.entry(kv));
      if (!page.more) return { entries, revision: present, more: false };
      after = entries.at(-1)?.key;
    }
  }

  /** Undefined if it is too large to be received. */
  async #page(request: RangeRequest): Promise<RangeResponse | undefined> {
    try {
      return await this.#range(request);
    } catch (error) {
      if (!isTooLargeToReceive(error)) throw error;
      if (request.limit === 1)
        throw new KraudError('exhausted', `an entry after ${request.key} is too large`);
      return undefined;
    }
  }

  async #range(request: RangeRequest): Promise<RangeResponse> {
    try {
      return await this.#run(() => this.#cluster.read(rpcs.range, request));
    } catch (error) {
      if (!isCompacted(error)) throw error;
      throw new CompactedError(await this.#run(() => this.#compactRevision()));
    }
  }

  /** etcd tells how far it is compacted only to a watch that starts before that. */
  async #compactRevision(): Promise<number> {
    const { stream } = await this.#cluster.stream(rpcs.watch);
    try {
      stream.write({ ...everything, startRevision: 1 });
      for await (const response of stream) {
        if (response.compactRevision > 0) return response.compactRevision;
      }
    } finally {
      stream.cancel();
    }
    throw new KraudError('unavailable', 'etcd: the watch ended early');
  }

  #checkOpen(): void {
    if (this.#closing) throw closedError();
  }

  /** Work that `close` waits for. */
  async #run<T>(start: () => Promise<T>): Promise<T> {
    this.#checkOpen();
    const work = start();
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
    }
  }
}

async function presentRevision(cluster: Cluster): Promise<number> {
  return (await cluster.read(rpcs.range, { key: everything.key, countOnly: true })).revision;
}
