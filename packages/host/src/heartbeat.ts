import { type Clock, codeOf, type Logger, messageOf, newId, type Random } from '@kraud/base';
import {
  type Compare,
  defaultNamespace,
  type Host,
  hostLeaseKey,
  type ResourceKey,
  type Table,
} from '@kraud/macro';
import type { HostFacts } from './contract.ts';

export interface HeartbeatOptions {
  readonly name: string;
  /** The tenant that Host resources belong to. */
  readonly tenant: string;
  readonly hosts: Pick<Table<'Host'>, 'get' | 'create' | 'mutate'>;
  readonly facts: () => Promise<HostFacts>;
  /** What the Host is made with, when there is none. */
  readonly begins?: Partial<Host['spec']> | undefined;
  /** What other parts know of this host. */
  readonly more?: () => Partial<Host['status']>;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Keeps this machine's Host resource: made on the first beat, measured on each, not ready once it has stopped. Only a
 * host that holds its lease speaks for itself. One that was taken out of the cloud isn't put back by a later beat.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #stop = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #soon = new AbortController();
  #isKnown = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** Resolves once the Host resource says that it is ready. */
  async start(): Promise<void> {
    await this.#beat(true);
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    await this.#beat(false);
  }

  /** Doesn't wait for its time. */
  beatSoon(): void {
    this.#soon.abort();
  }

  async #run(): Promise<void> {
    const { clock, intervalMs, logger } = this.#options;
    for (;;) {
      await clock.sleep(intervalMs, AbortSignal.any([this.#stop.signal, this.#soon.signal])).catch(() => {});
      if (this.#stop.signal.aborted) return;
      this.#soon = new AbortController();
      try {
        await this.#beat(true);
      } catch (error) {
        logger.warn({ error: messageOf(error) }, 'no heartbeat could be written');
      }
    }
  }

  async #beat(ready: boolean): Promise<void> {
    const { name, tenant, hosts, facts, more, begins, clock, random } = this.#options;
    const key: ResourceKey = { tenant, namespace: defaultNamespace, name };
    const { cpus, memoryBytes, architecture, kernel, operatingSystem, accelerator } = await facts();
    const now = new Date(clock.now()).toISOString();
    const status: Host['status'] = {
      ready,
      cpus,
      memoryBytes,
      architecture,
      kernel,
      operatingSystem,
      accelerator: { ...accelerator },
      heartbeatAt: now,
      ...more?.(),
    };
    if (!this.#isKnown && !hosts.get(key)) {
      const meta = { ...key, uid: newId(random), labels: {}, annotations: {}, finalizers: [] };
      try {
        await hosts.create({
          kind: 'Host',
          meta: { ...meta, generation: 1, createdAt: now },
          spec: { cordoned: false, ...begins },
          status,
          given: {},
        });
        this.#isKnown = true;
        return;
      } catch (error) {
        if (codeOf(error) !== 'exists') throw error;
      }
    }
    const held: Compare = { key: hostLeaseKey(name), target: 'exists', is: true };
    await hosts.mutate(key, (host) => ({ ...host, status }), [held]);
    this.#isKnown = true;
  }
}
