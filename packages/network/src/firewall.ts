import { type Logger, messageOf } from '@kraud/base';
import { type HostRules, renderHostRules } from './host-rules.ts';
import { run } from './kernel/run.ts';

/**
 * Keeps the host's firewall table as `wanted` says. Changes that come while one is being applied are applied
 * together. `settled` resolves once the kernel has what was wanted when it was called.
 */
export class Firewall {
  readonly #wanted: () => HostRules;
  readonly #log: Logger;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(wanted: () => HostRules, logger: Logger) {
    this.#wanted = wanted;
    this.#log = logger;
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

  /** The same without waiting: published ports work in user space meanwhile. */
  refresh(): void {
    this.settled().catch((error: unknown) => {
      this.#log.warn(
        { error: messageOf(error) },
        'the kernel refuses our firewall rules; ports are served in user space',
      );
    });
  }

  async remove(): Promise<void> {
    await this.#next?.catch(() => {});
    await this.#running?.catch(() => {});
    const table = `inet ${this.#wanted().table}`;
    await run('nft', ['-f', '-'], `add table ${table}\ndelete table ${table}\n`);
  }

  async #apply(): Promise<void> {
    const rules = this.#wanted();
    const text = renderHostRules(rules);
    try {
      await run('nft', ['-f', '-'], text);
    } catch (error) {
      // A table of an older version that differs: made anew, in one transaction as well.
      const table = `inet ${rules.table}`;
      this.#log.debug({ error: messageOf(error) }, 'firewall table is made anew');
      await run('nft', ['-f', '-'], `add table ${table}\ndelete table ${table}\n${text}`);
    }
  }
}
