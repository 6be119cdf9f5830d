const piecesMax = 256;

/** Bytes that came in pieces, to be looked at together. Many small ones are joined, since each costs far more than it holds. */
export class Pieces {
  #held: Buffer[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  push(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#held.push(piece);
    this.#bytes += piece.length;
    if (this.#held.length > piecesMax) this.joined();
  }

  joined(): Buffer {
    const [first] = this.#held;
    if (first && this.#held.length === 1) return first;
    const joined = Buffer.concat(this.#held);
    this.#held = [joined];
    return joined;
  }
}
