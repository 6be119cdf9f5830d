import { KraudError, type Logger, messageOf } from '@kraud/base';
import type { NetworkLimits } from '../defaults.ts';
import { hostResolvConf } from '../host-facts.ts';
import { Forwarder } from './forwarder.ts';
import type { Asker } from './pod-names.ts';
import { type ResolvConf, reachableByPods } from './resolv-conf.ts';

/**
 * Which name servers pods use: the host's own where pods can reach them, otherwise a forwarder of ours at the gateway
 * of their network, started when the first pod needs it. A pod that knows others by name always asks the forwarder.
 */
export class NameService {
  readonly #path: string;
  readonly #limits: NetworkLimits;
  readonly #log: Logger;
  readonly #forwarders = new Map<string, Promise<Forwarder | undefined>>();

  readonly #asker: (address: string) => Asker | undefined;

  constructor(
    path: string,
    parts: {
      readonly limits: NetworkLimits;
      readonly logger: Logger;
      readonly asker: (address: string) => Asker | undefined;
    },
  ) {
    this.#path = path;
    this.#limits = parts.limits;
    this.#log = parts.logger;
    this.#asker = parts.asker;
  }

  /** For a pod that knows others by name; `unavailable` when the port is somebody else's. */
  async forNamedPods(gateway: string): Promise<ResolvConf> {
    if (!(await this.#forward(gateway))) {
      throw new KraudError('unavailable', `no name server for pods: port 53 of ${gateway} is in use`);
    }
    return { ...hostResolvConf(this.#path), servers: [gateway], options: ['ndots:0'] };
  }

  /** `needed`: the pod has no servers of its own. */
  async forPods(gateway: string, needed: boolean): Promise<ResolvConf> {
    const conf = hostResolvConf(this.#path);
    const servers = reachableByPods(conf).slice(0, 3);
    if (servers.length > 0 || !needed) return { ...conf, servers };
    if (conf.servers.length > 0) await this.#forward(gateway);
    return { ...conf, servers: conf.servers.length > 0 ? [gateway] : [] };
  }

  async forget(gateway: string): Promise<void> {
    const forwarder = this.#forwarders.get(gateway);
    this.#forwarders.delete(gateway);
    await (await forwarder)?.close();
  }

  async close(): Promise<void> {
    for (const gateway of [...this.#forwarders.keys()]) await this.forget(gateway);
  }

  #forward(gateway: string): Promise<Forwarder | undefined> {
    const present = this.#forwarders.get(gateway);
    if (present) return present;
    const servers = (): readonly string[] => hostResolvConf(this.#path).servers;
    const options = { servers, asker: this.#asker, limits: this.#limits };
    const started = Forwarder.listen({ address: gateway, port: 53 }, options).catch((error: unknown) => {
      // Most likely a name server of the host that listens on all addresses: it answers pods as well.
      this.#log.warn({ gateway, error: messageOf(error) }, 'no name forwarder: port 53 is in use');
      this.#forwarders.delete(gateway);
      return undefined;
    });
    this.#forwarders.set(gateway, started);
    return started;
  }
}
