import { type Clock, codeOf, KraudError, type Logger, messageOf, type Random } from '@kraud/base';
import type { HostPlace, JoinWish } from '@kraud/cloud';
import { parseAddress, redeem, type SavedIdentity } from '@kraud/host';
import { checkStoreIsWhole, defaultNamespace, defaultTenant, ResourceClient, type Table } from '@kraud/macro';
import { packOwn } from './arrival.ts';
import type { Config } from './config.ts';
import type { End } from './daemon.ts';
import { type Place, placeOf } from './join.ts';
import { localAddressTo, tryToListen } from './reach.ts';
import { openStore } from './store.ts';

export interface TransferParts {
  /** Ids of the images that are on this host. */
  readonly here: () => readonly string[];
  readonly images: Pick<Table<'Image'>, 'list'>;
  /** Ends this daemon, for another to begin. */
  readonly end: (end: End) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Codes of what another host of the cloud would not answer otherwise. */
const final = ['invalid', 'unauthenticated', 'exists', 'exhausted'];

/**
 * Takes this host over to another cloud, or back to one of its own. Each way is made by one write to `identity/`:
 * a process that dies before it has changed nothing, and after it the next start goes on from there.
 *
 *     cloud of one ──identity with `arrival`──> host of a cloud ──images taken over, role told──> settled
 *     host of a cloud ──identity with `leaving`──> its own store in place ──no identity──> cloud of one
 */
export class Transfer implements HostPlace {
  readonly isShared: boolean;
  readonly settledBy: string | undefined;
  readonly #config: Config;
  readonly #place: Place;
  readonly #parts: TransferParts;

  constructor(config: Config, place: Place, parts: TransferParts) {
    const { storeGiven, listen, join } = config.place;
    this.isShared = place.store.kind !== 'embedded';
    this.settledBy = storeGiven ? '--store' : join ? '--join' : listen ? '--listen' : undefined;
    this.#config = config;
    this.#place = place;
    this.#parts = parts;
  }

  async join(wish: JoinWish): Promise<() => Promise<void>> {
    const identity = await this.#letIn(wish);
    await this.#tryStore(identity);
    return async () => {
      const begins = { manager: false, cordoned: false, drained: false, ...identity.arrival, ...wish.begins };
      await this.#place.files.save({ ...identity, arrival: begins });
      this.#parts.end({ reason: `joins a cloud as ${identity.name}`, again: true, keepVms: false });
    };
  }

  async leave(options: { force: boolean }): Promise<void> {
    const { files } = this.#place;
    const { dataDir, storeLimits: limits } = this.#config;
    const saved = await files.read();
    if (!saved) throw new KraudError('conflict', 'this host has not joined a cloud');
    const here = new Set(this.#parts.here());
    const images = this.#parts.images.list(defaultTenant).filter(({ spec }) => here.has(spec.id));
    await packOwn(images, dataDir, { ...this.#parts, limits });
    await files.save({ ...saved, leaving: true });
    const reason = options.force ? 'leaves its cloud by force' : 'leaves its cloud';
    this.#parts.end({ reason, again: true, keepVms: false });
  }

  /** By the first host that answers. */
  async #letIn(wish: JoinWish): Promise<SavedIdentity> {
    let failure: unknown;
    for (const address of wish.addresses) {
      try {
        return await this.#letInBy(address, wish);
      } catch (error) {
        if (final.includes(codeOf(error))) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  async #letInBy(address: string, { token, listen }: JoinWish): Promise<SavedIdentity> {
    const { peers: limits } = this.#config;
    const route = await localAddressTo(address, limits.connectTimeoutMs);
    const ip = listen.address ?? route;
    const at = parseAddress('ListenAddr', `${ip.includes(':') ? `[${ip}]` : ip}:${listen.port}`);
    await tryToListen(at);
    const self = { name: this.#place.name, listen: at };
    return await redeem({ token, address }, self, { files: this.#place.files, limits });
  }

  /** Nobody goes over to a cloud whose state can't be reached from here, or that has no swarm. */
  async #tryStore({ store: shared }: SavedIdentity): Promise<void> {
    if (!shared) throw new KraudError('internal', 'the cloud did not say where its store is');
    const key = { tenant: defaultTenant, namespace: defaultNamespace, name: defaultTenant };
    let swarm: unknown;
    try {
      await using store = await openStore(placeOf(shared), this.#config.storeLimits, this.#parts);
      await checkStoreIsWhole(store);
      const tenant = await new ResourceClient('Tenant', { store, clock: this.#parts.clock }).get(key);
      swarm = tenant?.given.swarm;
    } catch (error) {
      const why = messageOf(error);
      throw new KraudError('unavailable', `the cloud’s store can’t be used from this host: ${why}`, {
        cause: error,
      });
    }
    if (swarm === undefined) {
      throw new KraudError(
        'conflict',
        'the cloud that gave this token is no swarm; make it one there: docker swarm init',
      );
    }
  }
}
