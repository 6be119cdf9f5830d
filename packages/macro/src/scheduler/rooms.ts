import { bands } from '../model/index.ts';
import { productionBand, type Room } from './demand.ts';
import { RoomIndex } from './room-index.ts';

/** What a pod takes of its host: all that is reserved for it, and what is kept of that while it uses less. */
export interface Weight {
  readonly band: number;
  readonly full: Room;
  readonly kept: Room;
}

const width = bands.length;

/**
 * The room of every host, summed by band.
 *
 * - Strong bands (production, system) stand on what is reserved: `capacity - full(strong) - kept(weak)`.
 * - Weak bands (free, batch) may also stand on what others reserve and don't use: `capacity - kept(all)`.
 */
export class Rooms {
  /** Two numbers a host: CPU, memory. */
  #capacity = new Float64Array(0);
  #freeStrong = new Float64Array(0);
  #freeWeak = new Float64Array(0);
  /** Two numbers a host and band. */
  #full = new Float64Array(0);
  #kept = new Float64Array(0);
  #max: Room = { cpu: 0, memory: 0 };
  #strongIndex = new RoomIndex(1, 1);
  #weakIndex = new RoomIndex(1, 1);
  #slots = 0;
  /** Hosts that have promised more than they have. */
  readonly overfull = new Set<number>();

  setCapacity(slot: number, capacity: Room): void {
    this.#reserve(slot + 1);
    this.#capacity[2 * slot] = capacity.cpu;
    this.#capacity[2 * slot + 1] = capacity.memory;
    this.#slots = Math.max(this.#slots, slot + 1);
    if (capacity.cpu > this.#max.cpu || capacity.memory > this.#max.memory) this.#reindex(capacity);
    else this.#touch(slot);
  }

  /** Nothing fits there any more. */
  remove(slot: number): void {
    this.setCapacity(slot, { cpu: -1, memory: -1 });
  }

  capacity(slot: number): Room {
    return { cpu: this.#capacity[2 * slot] ?? 0, memory: this.#capacity[2 * slot + 1] ?? 0 };
  }

  add(slot: number, weight: Weight): void {
    this.#count(slot, weight, 1);
  }

  subtract(slot: number, weight: Weight): void {
    this.#count(slot, weight, -1);
  }

  fits(slot: number, band: number, room: Room): boolean {
    const free = band >= productionBand ? this.#freeStrong : this.#freeWeak;
    return (free[2 * slot] ?? -1) >= room.cpu && (free[2 * slot + 1] ?? -1) >= room.memory;
  }

  free(slot: number, band: number): Room {
    const free = band >= productionBand ? this.#freeStrong : this.#freeWeak;
    return { cpu: free[2 * slot] ?? 0, memory: free[2 * slot + 1] ?? 0 };
  }

  /** Whether it would fit if every pod of a weaker band left. */
  fitsAlone(slot: number, band: number, room: Room): boolean {
    let { cpu, memory } = this.free(slot, band);
    for (let weaker = 0; weaker < band; weaker += 1) {
      const sums = weaker >= productionBand ? this.#full : this.#kept;
      cpu += sums[2 * (slot * width + weaker)] ?? 0;
      memory += sums[2 * (slot * width + weaker) + 1] ?? 0;
    }
    return cpu >= room.cpu && memory >= room.memory;
  }

  /** How full the host is in what it has least of, from 0 to 1. */
  fullness(slot: number): number {
    const cpu = 1 - (this.#freeStrong[2 * slot] ?? 0) / Math.max(1, this.#capacity[2 * slot] ?? 0);
    const memory = 1 - (this.#freeStrong[2 * slot + 1] ?? 0) / Math.max(1, this.#capacity[2 * slot + 1] ?? 0);
    return Math.max(cpu, memory);
  }

  /** Hosts that may have the room, fullest first; see `RoomIndex.search`. */
  search(band: number, room: Room, start: number, visit: (slot: number) => boolean): void {
    const index = band >= productionBand ? this.#strongIndex : this.#weakIndex;
    index.search(room.cpu, room.memory, start, visit);
  }

  #count(slot: number, { band, full, kept }: Weight, sign: 1 | -1): void {
    const at = 2 * (slot * width + band);
    this.#full[at] = (this.#full[at] ?? 0) + sign * full.cpu;
    this.#full[at + 1] = (this.#full[at + 1] ?? 0) + sign * full.memory;
    this.#kept[at] = (this.#kept[at] ?? 0) + sign * kept.cpu;
    this.#kept[at + 1] = (this.#kept[at + 1] ?? 0) + sign * kept.memory;
    this.#touch(slot);
  }

  #touch(slot: number): void {
    for (const part of [0, 1]) {
      let weak = this.#capacity[2 * slot + part] ?? 0;
      let strong = weak;
      for (let band = 0; band < width; band += 1) {
        const at = 2 * (slot * width + band) + part;
        weak -= this.#kept[at] ?? 0;
        strong -= (band >= productionBand ? this.#full[at] : this.#kept[at]) ?? 0;
      }
      this.#freeWeak[2 * slot + part] = weak;
      this.#freeStrong[2 * slot + part] = strong;
    }
    const [cpu = 0, memory = 0] = [this.#freeWeak[2 * slot], this.#freeWeak[2 * slot + 1]];
    this.#weakIndex.set(slot, cpu, memory);
    this.#strongIndex.set(slot, this.#freeStrong[2 * slot] ?? 0, this.#freeStrong[2 * slot + 1] ?? 0);
    const isThere = (this.#capacity[2 * slot] ?? -1) >= 0;
    if (isThere && (cpu < 0 || memory < 0)) this.overfull.add(slot);
    else if (this.overfull.size > 0) this.overfull.delete(slot);
  }

  #reindex(capacity: Room): void {
    this.#max = {
      cpu: Math.max(this.#max.cpu, capacity.cpu),
      memory: Math.max(this.#max.memory, capacity.memory),
    };
    this.#strongIndex = new RoomIndex(this.#max.cpu, this.#max.memory);
    this.#weakIndex = new RoomIndex(this.#max.cpu, this.#max.memory);
    for (let slot = 0; slot < this.#slots; slot += 1) this.#touch(slot);
  }

  #reserve(slots: number): void {
    if (2 * slots <= this.#capacity.length) return;
    const hosts = Math.max(64, this.#capacity.length, slots);
    this.#capacity = grown(this.#capacity, 2 * hosts);
    this.#freeStrong = grown(this.#freeStrong, 2 * hosts);
    this.#freeWeak = grown(this.#freeWeak, 2 * hosts);
    this.#full = grown(this.#full, 2 * hosts * width);
    this.#kept = grown(this.#kept, 2 * hosts * width);
  }
}

function grown(array: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(length);
  larger.set(array);
  return larger;
}
