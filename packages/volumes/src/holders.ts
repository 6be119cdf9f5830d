import { KraudError } from '@kraud/base';
import type { VolumeHolder, VolumeKey } from './contract.ts';
import { keyText } from './names.ts';

/**
 * Who has which volume. Holds: a volume has either one holder that may write, or any number that only read, because
 * two kernels that write one ext4 destroy it, and one that reads while another writes sees nonsense.
 */
export class Holders {
  readonly #holders = new Map<string, Map<string, VolumeHolder>>();

  of(key: VolumeKey): VolumeHolder[] {
    return [...(this.#holders.get(keyText(key))?.values() ?? [])];
  }

  add(key: VolumeKey, holder: VolumeHolder): void {
    const others = this.of(key).filter((h) => h.podId !== holder.podId);
    const clash = others.find((h) => !h.readOnly || !holder.readOnly);
    if (clash) {
      throw new KraudError(
        'conflict',
        `volume ${key.name} is attached to pod ${clash.podId}: a local block volume is for one running pod at a time, unless all mount it read-only`,
      );
    }
    const text = keyText(key);
    const holders = this.#holders.get(text) ?? new Map<string, VolumeHolder>();
    holders.set(holder.podId, { podId: holder.podId, readOnly: holder.readOnly });
    this.#holders.set(text, holders);
  }

  remove(key: VolumeKey, podId: string): void {
    this.#removeFrom(keyText(key), podId);
  }

  removeAll(podId: string): void {
    for (const text of [...this.#holders.keys()]) this.#removeFrom(text, podId);
  }

  #removeFrom(text: string, podId: string): void {
    const holders = this.#holders.get(text);
    holders?.delete(podId);
    if (holders?.size === 0) this.#holders.delete(text);
  }
}
