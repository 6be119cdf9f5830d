import { KraudError } from '@kraud/base';

export const detachKeysDefault = 'ctrl-p,ctrl-q';

const controls: ReadonlyMap<string, number> = new Map(
  [...'@abcdefghijklmnopqrstuvwxyz[\\]^_'].map((char, code) => [`ctrl-${char}`, code] as const),
);

/**
 * The bytes of a key sequence as clients write it.
 *
 * | text            | bytes   |
 * | --------------- | ------- |
 * | `ctrl-p,ctrl-q` | `10 11` |
 * | `a`             | `61`    |
 * | `ctrl-@,x`      | `00 78` |
 */
export function parseDetachKeys(text: string): Buffer {
  const parts = (text === '' ? detachKeysDefault : text).split(',');
  return Buffer.from(
    parts.map((part) => {
      const code = controls.get(part) ?? (/^[ -~]$/.test(part) ? part.charCodeAt(0) : undefined);
      if (code === undefined) throw new KraudError('invalid', `Invalid detach keys (${text}) provided`);
      return code;
    }),
  );
}

/**
 * Watches what is typed for the detach sequence. Bytes that may be its beginning are held back, and come out
 * once they turn out not to be; what comes out is what went in, in order, without the sequence itself.
 */
export class DetachWatch {
  readonly #keys: Buffer;
  /** Longest border of each prefix, as in Knuth, Morris and Pratt: where to go on after a mismatch. */
  readonly #borders: readonly number[];
  #matched = 0;

  constructor(keys: Buffer) {
    this.#keys = keys;
    this.#borders = bordersOf(keys);
  }

  /** What to pass on; after `detached` nothing more is to be fed. */
  feed(data: Uint8Array): { pass: Buffer; detached: boolean } {
    const out: number[] = [];
    for (const byte of data) {
      while (this.#matched > 0 && this.#keys[this.#matched] !== byte) {
        const border = this.#borders[this.#matched - 1] ?? 0;
        out.push(...this.#keys.subarray(0, this.#matched - border));
        this.#matched = border;
      }
      if (this.#keys[this.#matched] !== byte) out.push(byte);
      else this.#matched += 1;
      if (this.#matched === this.#keys.length) return { pass: Buffer.from(out), detached: true };
    }
    return { pass: Buffer.from(out), detached: false };
  }

  /** What is still held back when the input ends. */
  flush(): Buffer {
    const held = this.#keys.subarray(0, this.#matched);
    this.#matched = 0;
    return held;
  }
}

function bordersOf(keys: Buffer): number[] {
  const borders = [0];
  for (let i = 1, border = 0; i < keys.length; i += 1) {
    while (border > 0 && keys[border] !== keys[i]) border = borders[border - 1] ?? 0;
    if (keys[border] === keys[i]) border += 1;
    borders.push(border);
  }
  return borders;
}
