import { KeyedLock, messageOf } from '@kraud/base';
import type { Network, Pod } from '@kraud/macro';
import type { Caller, PlaceDraft } from '../contract.ts';
import type { EventRecorder } from '../events.ts';
import type { CloudParts } from '../parts.ts';
import { findPod, isUp } from '../pods/find.ts';
import { connectPod, disconnectPod } from './connect.ts';
import type { NetworkDraft, Networks } from './contract.ts';
import { createNetwork } from './create.ts';
import { findNetwork } from './find.ts';
import { isPredefined } from './names.ts';
import { removeNetwork } from './remove.ts';
import { membersOf, workloadsOn } from './users.ts';

export class NetworkUseCases implements Networks {
  readonly #parts: CloudParts;
  readonly #events: EventRecorder;
  /** One change of a pod's networks at a time. */
  readonly #lock = new KeyedLock();

  constructor(parts: CloudParts, events: EventRecorder) {
    this.#parts = parts;
    this.#events = events;
  }

  async create(caller: Caller, draft: NetworkDraft): Promise<Network> {
    const network = await createNetwork(this.#parts, caller, draft);
    await this.#record(caller, 'create', network);
    return network;
  }

  async get(caller: Caller, ref: string): Promise<Network> {
    return findNetwork(this.#parts, caller, ref);
  }

  async list(caller: Caller): Promise<Network[]> {
    return this.#parts.networks.list(caller.tenant);
  }

  async members(_caller: Caller, network: Network): Promise<Pod[]> {
    return membersOf(this.#parts, network);
  }

  async remove(caller: Caller, ref: string): Promise<void> {
    await this.#record(caller, 'destroy', await removeNetwork(this.#parts, caller, ref));
  }

  async prune(caller: Caller, matches: (network: Network) => boolean): Promise<string[]> {
    const pruned: string[] = [];
    for (const network of this.#parts.networks.list(caller.tenant)) {
      const { name, uid } = network.meta;
      const used = membersOf(this.#parts, network).length > 0 || workloadsOn(this.#parts, network).length > 0;
      if (used || isPredefined(network) || !matches(network)) continue;
      try {
        await this.remove(caller, uid);
        pruned.push(name);
      } catch (error) {
        // Somebody has come to use it meanwhile.
        this.#parts.logger.debug({ network: name, error: messageOf(error) }, 'not pruned');
      }
    }
    await this.#events.pruned(caller, 'network', 0);
    return pruned;
  }

  async connect(
    caller: Caller,
    ref: string,
    podRef: string,
    options: Omit<PlaceDraft, 'ref'>,
  ): Promise<void> {
    const { uid } = findPod(this.#parts, caller, podRef).meta;
    await this.#lock.run(uid, () => connectPod(this.#parts, caller, ref, uid, options));
    await this.#recordMove(caller, 'connect', ref, uid);
  }

  async disconnect(caller: Caller, ref: string, podRef: string): Promise<void> {
    const { uid } = findPod(this.#parts, caller, podRef).meta;
    await this.#lock.run(uid, () => disconnectPod(this.#parts, caller, ref, uid));
    await this.#recordMove(caller, 'disconnect', ref, uid);
  }

  /** Of a pod that runs, as macro tells of its start and end; one that doesn't has nothing yet to tell of. */
  async #recordMove(caller: Caller, action: string, ref: string, uid: string): Promise<void> {
    if (!isUp(findPod(this.#parts, caller, uid))) return;
    const { name } = findNetwork(this.#parts, caller, ref).meta;
    const attributes = { container: uid, name };
    await this.#events.record(caller, { type: 'network', action, actor: name, attributes });
  }

  async #record(caller: Caller, action: string, { meta }: Network): Promise<void> {
    const attributes = { ...meta.labels, name: meta.name, type: 'bridge' };
    await this.#events.record(caller, { type: 'network', action, actor: meta.uid, attributes });
  }
}
