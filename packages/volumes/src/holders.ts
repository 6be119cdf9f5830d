import { assert, KraudError } from '@kraud/base';
import type { VolumeHolder, VolumeKey } from './contract.ts';
import { keyText } from './names.ts';

/**
 * Who has which volume. Holds: at most one holder is the keeper, which has the disk, because two kernels that write one
 * ext4 destroy it. The first holder is it; when it goes, nobody is until one of the others has been promoted.
 */
export class Holders {
  readonly #holders = new Map<string, Map<string, VolumeHolder>>();

  of(key: VolumeKey): VolumeHolder[] {
    return [...(this.#holders.get(keyText(key))?.values() ?? [])];
  }

  /** A pod that holds it already keeps its role. */
  add(key: VolumeKey, podId: string): VolumeHolder {
    const holders = this.of(key);
    const role = holders.length === 0 ? 'keeper' : 'sharer';
    return holders.find((holder) => holder.podId === podId) ?? this.#set(key, { podId, role });
  }

  /** As an earlier daemon had it. */
  restore(key: VolumeKey, holder: VolumeHolder): void {
    if (holder.role === 'keeper') this.#mustHaveNoKeeper(key, holder.podId);
    this.#set(key, holder);
  }

  /** `not-found` if the pod doesn't hold it any more. */
  setRole(key: VolumeKey, podId: string, role: VolumeHolder['role']): void {
    if (!this.of(key).some((holder) => holder.podId === podId)) {
      throw new KraudError('not-found', `pod ${podId} does not hold volume ${key.name}`);
    }
    if (role === 'keeper') this.#mustHaveNoKeeper(key, podId);
    this.#set(key, { podId, role });
  }

  remove(key: VolumeKey, podId: string): void {
    this.#removeFrom(keyText(key), podId);
  }

  removeAll(podId: string): void {
    for (const text of [...this.#holders.keys()]) this.#removeFrom(text, podId);
  }

  #mustHaveNoKeeper(key: VolumeKey, podId: string): void {
    const keeper = this.of(key).find((holder) => holder.role === 'keeper' && holder.podId !== podId);
    assert(!keeper, `pod ${keeper?.podId} is the keeper of ${keyText(key)}`);
  }

  #set(key: VolumeKey, holder: VolumeHolder): VolumeHolder {
    const text = keyText(key);
    const holders = this.#holders.get(text) ?? new Map<string, VolumeHolder>();
    holders.set(holder.podId, holder);
    this.#holders.set(text, holders);
    return holder;
  }

  #removeFrom(text: string, podId: string): void {
    const holders = this.#holders.get(text);
    holders?.delete(podId);
    if (holders?.size === 0) this.#holders.delete(text);
  }
}
