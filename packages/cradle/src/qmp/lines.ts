import { KraudError } from '@kraud/base';

/** Lines out of chunks of bytes; a line of more than `bytesMax` is a fault. Empty lines are left out. */
export class LineSplitter {
  readonly #bytesMax: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  push(chunk: Buffer): string[] {
    let data = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    const lines: string[] = [];
    for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10)) {
      const line = data.toString('utf8', 0, end).trim();
      if (line !== '') lines.push(line);
      data = data.subarray(end + 1);
    }
    if (data.length > this.#bytesMax) {
      throw new KraudError('corrupt', `a line of more than ${this.#bytesMax} bytes`);
    }
    this.#rest = Buffer.from(data);
    return lines;
  }
}
