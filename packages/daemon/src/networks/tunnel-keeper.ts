import { type Clock, type Logger, messageOf } from '@kraud/base';
import type { Host, Tables } from '@kraud/macro';
import type { HostNetwork, TunnelEnd, Tunnels } from '@kraud/network';
import { planTunnel } from './tunnel-plan.ts';

export interface TunnelKeeperParts {
  /** This host's. */
  readonly name: string;
  readonly tables: Pick<Tables, 'networks' | 'hosts'>;
  readonly network: Pick<HostNetwork, 'networks'>;
  readonly tunnels: Pick<Tunnels, 'choice' | 'ensure' | 'remove' | 'onGone' | 'close'>;
  /** Addresses of a host's pods that are in none of these blocks, and calls when they change. */
  readonly strangers: (tenant: string, host: string, blocks: readonly string[]) => readonly string[];
  readonly onStrangers: (listener: () => void) => void;
  /** What this host told the others last: they keep to it until it is told otherwise. */
  readonly told: Host['status']['tunnel'];
  readonly checkMs: number;
  readonly retryMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Keeps the tunnel of each VPC of this host leading to the hosts that the store says, and tells them of this one's end.
 * It looks at what is, whatever made it so: after a restart it goes on with the tunnels that it finds.
 */
export class TunnelKeeper {
  readonly #parts: TunnelKeeperParts;
  readonly #listeners = new Set<() => void>();
  readonly #ends = new Map<string, TunnelEnd>();
  /** By tenant, as text: what the last look has made so. */
  readonly #done = new Map<string, string>();
  readonly #problems = new Map<string, string>();
  #wake: () => void = () => {};

  constructor(parts: TunnelKeeperParts) {
    this.#parts = parts;
    for (const [tenant, end] of Object.entries(parts.told?.ends ?? {})) this.#ends.set(tenant, end);
  }

  /** For this host's resource. */
  get status(): NonNullable<Host['status']['tunnel']> {
    const { kind, reason } = this.#parts.tunnels.choice;
    return { kind, reason, ends: Object.fromEntries(this.#ends) };
  }

  /** What is amiss, for people. */
  get problems(): string[] {
    return [...new Set(this.#problems.values())];
  }

  /** Calls when `status` has changed. */
  onChanged(listener: () => void): void {
    this.#listeners.add(listener);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { tables, tunnels, onStrangers, checkMs, retryMs, clock } = this.#parts;
    const wake = (): void => this.#wake();
    onStrangers(wake);
    const stops = [
      tables.networks.cache.subscribe(wake),
      tables.hosts.cache.subscribe(wake),
      tunnels.onGone(() => {
        this.#done.clear();
        this.#wake();
      }),
    ];
    const stopped = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    let checkAtMs = clock.monotonic() + checkMs;
    try {
      while (!signal.aborted) {
        const changed = new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        const nowMs = clock.monotonic();
        if (nowMs >= checkAtMs) this.#done.clear();
        if (nowMs >= checkAtMs) checkAtMs = nowMs + checkMs;
        const whole = await this.look();
        const again = clock.sleep(whole ? Math.max(0, checkAtMs - clock.monotonic()) : retryMs, signal);
        await Promise.race([changed, stopped, again]).catch(() => {});
        // Many things change at a time: they are looked at together.
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      for (const stop of stops) stop();
      tunnels.close();
    }
  }

  /** Brings all in line, but for what was so at the last look. False when it is to be tried again. */
  async look(): Promise<boolean> {
    const before = JSON.stringify(this.status);
    const { name, tables, network } = this.#parts;
    const here = new Set(network.networks().map(({ tenant }) => tenant));
    const asked = tables.networks.everywhere().filter(({ status }) => status.slices?.[name] !== undefined);
    for (const tenant of [...this.#ends.keys(), ...this.#done.keys()]) {
      if (!here.has(tenant)) this.#drop(tenant);
    }
    for (const tenant of here) await this.#settle(tenant);
    if (JSON.stringify(this.status) !== before) for (const listener of this.#listeners) listener();
    // A network that is about to be real here tells nobody when it is.
    return this.#problems.size === 0 && asked.every(({ meta }) => here.has(meta.tenant));
  }

  #drop(tenant: string): void {
    this.#ends.delete(tenant);
    this.#done.delete(tenant);
    this.#problems.delete(tenant);
  }

  async #settle(tenant: string): Promise<void> {
    const { name: here, tables, tunnels, strangers, logger } = this.#parts;
    const peers = planTunnel({
      tenant,
      here,
      networks: tables.networks.list(tenant),
      hosts: tables.hosts.everywhere(),
      strangers: (host, blocks) => strangers(tenant, host, blocks),
    });
    const text = JSON.stringify(peers) ?? '';
    if (this.#done.get(tenant) === text) return;
    try {
      if (peers) this.#ends.set(tenant, await tunnels.ensure(tenant, peers));
      else {
        await tunnels.remove(tenant);
        this.#ends.delete(tenant);
      }
      this.#done.set(tenant, text);
      this.#problems.delete(tenant);
      logger.debug({ tenant, peers: peers?.length ?? 0 }, 'the tunnel to other hosts is as it should be');
    } catch (error) {
      const problem = `containers of other hosts can't be reached: ${messageOf(error)}`;
      if (this.#problems.get(tenant) !== problem) logger.warn({ tenant }, problem);
      this.#problems.set(tenant, problem);
    }
  }
}
