/** Cells along each side. From one to the next there is a fixed share more room, so that small pods are told apart too. */
const side = 80;
const growth = 1.12;
/** What the first cell ends at, as a share of the roomiest host. */
const least = growth ** (1 - side);
const logGrowth = Math.log(growth);
const nowhere = -1;

/**
 * Hosts by their free CPU and free memory, in a grid of cells, so that those with just enough room are found without
 * looking at the others. Slots are small whole numbers.
 */
export class RoomIndex {
  readonly #cells: number[][] = Array.from({ length: side * side }, () => []);
  /** Hosts on each diagonal: those are about equally full. */
  readonly #onDiagonal = new Int32Array(2 * side - 1);
  readonly #cellOf: number[] = [];
  readonly #positionOf: number[] = [];
  readonly #cpuMax: number;
  readonly #memoryMax: number;

  constructor(cpuMax: number, memoryMax: number) {
    this.#cpuMax = Math.max(1, cpuMax);
    this.#memoryMax = Math.max(1, memoryMax);
  }

  /** A host with less than nothing is found by no search. */
  set(slot: number, freeCpu: number, freeMemory: number): void {
    const cell = freeCpu < 0 || freeMemory < 0 ? nowhere : this.#cell(freeCpu, freeMemory);
    const before = this.#cellOf[slot] ?? nowhere;
    if (before === cell) return;
    if (before !== nowhere) this.#leave(slot, before);
    this.#cellOf[slot] = cell;
    if (cell === nowhere) return;
    const slots = this.#cells[cell];
    if (!slots) return;
    this.#positionOf[slot] = slots.length;
    slots.push(slot);
    this.#onDiagonal[diagonalOf(cell)] = (this.#onDiagonal[diagonalOf(cell)] ?? 0) + 1;
  }

  delete(slot: number): void {
    this.set(slot, -1, -1);
  }

  /**
   * Visits hosts that may have such room, the fullest first, until `visit` answers true. `start` turns the order among
   * those that are equally full.
   */
  search(cpu: number, memory: number, start: number, visit: (slot: number) => boolean): void {
    const first = this.#cell(cpu, memory);
    const [row0, column0] = [Math.floor(first / side), first % side];
    for (let diagonal = row0 + column0; diagonal < 2 * side - 1; diagonal += 1) {
      if (this.#onDiagonal[diagonal] === 0) continue;
      const rowEnd = Math.min(side - 1, diagonal - column0);
      for (let row = Math.max(row0, diagonal - side + 1); row <= rowEnd; row += 1) {
        const slots = this.#cells[row * side + diagonal - row];
        if (!slots || slots.length === 0) continue;
        for (let i = 0; i < slots.length; i += 1) {
          const slot = slots[(start + i) % slots.length];
          if (slot !== undefined && visit(slot)) return;
        }
      }
    }
  }

  #cell(cpu: number, memory: number): number {
    return levelOf(cpu / this.#cpuMax) * side + levelOf(memory / this.#memoryMax);
  }

  #leave(slot: number, cell: number): void {
    const slots = this.#cells[cell] ?? [];
    const last = slots.pop();
    const position = this.#positionOf[slot] ?? 0;
    if (last !== undefined && last !== slot) {
      slots[position] = last;
      this.#positionOf[last] = position;
    }
    this.#onDiagonal[diagonalOf(cell)] = (this.#onDiagonal[diagonalOf(cell)] ?? 0) - 1;
  }
}

function levelOf(share: number): number {
  if (share <= least) return 0;
  return Math.min(side - 1, Math.floor(Math.log(share / least) / logGrowth));
}

function diagonalOf(cell: number): number {
  return Math.floor(cell / side) + (cell % side);
}
