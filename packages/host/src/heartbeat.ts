import { type Clock, codeOf, type Logger, messageOf, newId, type Random } from '@kraud/base';
import { defaultNamespace, type Host, type ResourceKey, type Table } from '@kraud/macro';
import type { HostFacts } from './contract.ts';

export interface HeartbeatOptions {
  readonly name: string;
  /** The tenant that Host resources belong to. */
  readonly tenant: string;
  readonly hosts: Pick<Table<'Host'>, 'get' | 'create' | 'mutate'>;
  readonly facts: () => Promise<HostFacts>;
  /** What other parts know of this host. */
  readonly more?: () => Partial<Host['status']>;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Keeps this machine's Host resource: made on the first beat, measured on each, not ready once it has stopped. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #stop = new AbortController();
  #loop: Promise<void> = Promise.resolve();

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

  async #run(): Promise<void> {
    const { clock, intervalMs, logger } = this.#options;
    for (;;) {
      await clock.sleep(intervalMs, this.#stop.signal).catch(() => {});
      if (this.#stop.signal.aborted) return;
      try {
        await this.#beat(true);
      } catch (error) {
        logger.warn({ error: messageOf(error) }, 'no heartbeat could be written');
      }
    }
  }

  async #beat(ready: boolean): Promise<void> {
    const { name, tenant, hosts, facts, more, clock, random } = this.#options;
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
    if (!hosts.get(key)) {
      const meta = { ...key, uid: newId(random), labels: {}, annotations: {}, finalizers: [] };
      try {
        await hosts.create({
          kind: 'Host',
          meta: { ...meta, generation: 1, createdAt: now },
          spec: { cordoned: false },
          status,
          given: {},
        });
        return;
      } catch (error) {
        if (codeOf(error) !== 'exists') throw error;
      }
    }
    await hosts.mutate(key, (host) => ({ ...host, status }));
  }
}
