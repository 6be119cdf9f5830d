import { type Duplex, duplexPair } from 'node:stream';
import { KraudError } from '@kraud/base';
import type { PodBody } from '@kraud/cradle';

/**
 * The shared volumes of a make-believe VM. Whoever keeps one answers each request with its own id and the request, so
 * that a test sees who answered.
 */
export class FakeShares {
  readonly #id: string;
  readonly #disks = new Set<string>();
  readonly #shares = new Map<string, { front: Duplex | undefined; held: boolean }>();
  readonly #streams = new Set<Duplex>();
  /** Why disks can't be mounted here. */
  holdFailure: unknown;

  constructor(id: string) {
    this.#id = id;
  }

  begin({ disks }: Pick<PodBody, 'disks'>): void {
    for (const { at, type } of disks) {
      if (type === 'ext4') this.#disks.add(at);
      if (type === 'share') this.#shares.set(at, { front: undefined, held: false });
    }
  }

  link(at: string): Duplex {
    const share = this.#share(at);
    if (share.held) throw new KraudError('conflict', `${at} is held`);
    share.front?.destroy();
    const [host, guest] = this.#pair();
    share.front = guest;
    return host;
  }

  serve(at: string): Duplex {
    if (!this.#disks.has(at) && !this.#shares.get(at)?.held)
      throw new KraudError('not-found', `no disk ${at}`);
    const [host, guest] = this.#pair();
    guest.on('data', (request: Buffer) => guest.write(`${this.#id} ${request}`));
    guest.on('end', () => guest.end());
    return host;
  }

  hold(at: string): void {
    const share = this.#share(at);
    if (this.holdFailure !== undefined) throw this.holdFailure;
    share.held = true;
    share.front?.destroy();
  }

  /** Asks the volume's keeper; undefined while there is no way to it. */
  async ask(at: string, request: string): Promise<string | undefined> {
    const share = this.#shares.get(at);
    if (!share || share.held) return `${this.#id} ${request}`;
    const { front } = share;
    if (!front || front.destroyed) return undefined;
    return await new Promise((resolve) => {
      front.once('data', (answer: Buffer) => resolve(answer.toString()));
      front.once('close', () => resolve(undefined));
      front.write(request);
    });
  }

  /** Every stream breaks off. */
  break(): void {
    for (const stream of this.#streams) stream.destroy();
    this.#streams.clear();
  }

  end(): void {
    this.break();
  }

  #share(at: string): { front: Duplex | undefined; held: boolean } {
    const share = this.#shares.get(at);
    if (!share) throw new KraudError('not-found', `no share ${at}`);
    return share;
  }

  #pair(): [host: Duplex, guest: Duplex] {
    const [host, guest] = duplexPair();
    for (const stream of [host, guest]) stream.on('error', () => {});
    this.#streams.add(host).add(guest);
    return [host, guest];
  }
}
