import { type Logger, messageOf } from '@kraud/base';
import { type HostRules, renderHostRules } from './host-rules.ts';
import type { Nft } from './kernel/nft.ts';
import { Retries, type RetryOptions } from './kernel/retries.ts';

/**
 * Keeps the host's firewall table as `wanted` says. Changes that come while one is being applied are applied
 * together. `settled` resolves once the kernel has what was wanted when it was called.
 */
export class Firewall {
  readonly #wanted: () => HostRules;
  readonly #nft: Nft;
  readonly #log: Logger;
  readonly #retries: Retries;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(wanted: () => HostRules, nft: Nft, parts: { logger: Logger; retry: RetryOptions }) {
    this.#nft = nft;
    this.#wanted = wanted;
    this.#log = parts.logger;
    this.#retries = new Retries(() => void this.refreshed(), parts.retry);
  }

  /** Rejects when the kernel refuses. */
  settled(): Promise<void> {
    this.#next ??= (this.#running ?? Promise.resolve())
      .catch(() => {})
      .then(() => {
        this.#running = this.#next;
        this.#next = undefined;
        return this.#apply();
      });
    return this.#next;
  }

  /** The same, but a refusal is logged, and tried again by and by: published ports work in user space meanwhile. */
  async refreshed(): Promise<void> {
    try {
      await this.settled();
      this.#retries.worked();
    } catch (error) {
      const message = 'the kernel has not our firewall rules yet; ports are served in user space';
      this.#log.warn({ error: messageOf(error) }, message);
      this.#retries.failed();
    }
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    this.#retries.close();
    await this.#next?.catch(() => {});
    await this.#running?.catch(() => {});
    this.#nft.close();
  }

  async remove(): Promise<void> {
    await this.#nft.apply(removalOf(this.#wanted().table));
  }

  async #apply(): Promise<void> {
    const rules = this.#wanted();
    const commands = renderHostRules(rules);
    try {
      await this.#nft.apply(commands);
    } catch (error) {
      // A table of an older version that differs: made anew, in one transaction as well.
      this.#log.debug({ error: messageOf(error) }, 'firewall table is made anew');
      await this.#nft.apply([...removalOf(rules.table), ...commands]);
    }
  }
}

/** Safe to repeat. */
export function removalOf(table: string): string[] {
  return [`add table inet ${table}`, `delete table inet ${table}`];
}
