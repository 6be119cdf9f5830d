import { isDeepStrictEqual } from 'node:util';
import { type Logger, messageOf } from '@kraud/base';
import { removalOf } from '../firewall.ts';
import { routes } from '../kernel/facts.ts';
import type { HelperOptions } from '../kernel/helper.ts';
import type { IpBatch } from '../kernel/ip-batch.ts';
import { Nft } from '../kernel/nft.ts';
import type { Place } from '../kernel/run.ts';
import { renderVirtualChange, renderVirtualRules, table, type VirtualAddress } from './rules.ts';

const gone = /No such process/;

/**
 * The virtual addresses of one VPC in the kernel. Each has a route to the loopback, which makes the VPC answer when a pod
 * asks whose it is; no packet takes it, since rules lead every one elsewhere or refuse it. A VPC without virtual addresses has
 * neither, and tracks no connections.
 */
export class Balancer {
  readonly #place: Place;
  readonly #nft: Nft;
  readonly #batch: IpBatch;
  readonly #log: Logger;
  /** What the kernel has; undefined: not known. */
  #applied: readonly VirtualAddress[] | undefined;
  #routed: ReadonlySet<string> | undefined;
  #busy: Promise<unknown> = Promise.resolve();

  constructor(
    place: Place,
    parts: { readonly batch: IpBatch; readonly helper: HelperOptions; readonly logger: Logger },
  ) {
    this.#place = place;
    this.#nft = new Nft(parts.helper, place);
    this.#batch = parts.batch;
    this.#log = parts.logger;
  }

  /** Resolves once the kernel has these and no others; what connections go on stands in `renderVirtualRules`. */
  settle(addresses: readonly VirtualAddress[]): Promise<void> {
    const work = this.#busy.then(() => this.#settle(addresses));
    this.#busy = work.catch(() => {});
    return work;
  }

  close(): void {
    this.#nft.close();
  }

  async #settle(addresses: readonly VirtualAddress[]): Promise<void> {
    if (isDeepStrictEqual(addresses, this.#applied)) return;
    // Of a daemon before this one.
    this.#routed ??= await routed(this.#place);
    const before = this.#applied ?? [];
    this.#applied = undefined;
    const wanted = new Set(addresses.map(({ address }) => address));
    if (wanted.size > 0) await this.#apply(before, addresses);
    else if (this.#routed.size > 0) await this.#nft.apply(removalOf(table));
    await this.#batch.run([
      ...[...wanted.difference(this.#routed)].map((address) => ({
        line: `route replace ${address}/32 dev lo`,
      })),
      ...[...this.#routed.difference(wanted)].map((address) => ({
        line: `route del ${address}/32 dev lo`,
        tolerate: gone,
      })),
    ]);
    this.#routed = wanted;
    this.#applied = addresses;
  }

  async #apply(before: readonly VirtualAddress[], after: readonly VirtualAddress[]): Promise<void> {
    if (before.length > 0) {
      try {
        await this.#nft.apply(renderVirtualChange(before, after));
        return;
      } catch (error) {
        this.#log.debug({ error: messageOf(error) }, 'the table of virtual addresses is made anew');
      }
    }
    await this.#nft.apply(renderVirtualRules(after));
  }
}

async function routed(place: Place): Promise<ReadonlySet<string>> {
  const all = await routes(place);
  return new Set(
    all
      .filter(({ device }) => device === 'lo')
      .map(({ destination }) => String(destination).replace(/\/32$/, '')),
  );
}
