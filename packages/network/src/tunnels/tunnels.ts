import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, KeyedLock, KraudError, type Logger, type Random } from '@kraud/base';
import type { TunnelEnd, TunnelPeer } from '../contract.ts';
import type { NetworkLimits } from '../defaults.ts';
import { uplinkMtu } from '../host-facts.ts';
import { links, routes } from '../kernel/facts.ts';
import { runIn } from '../kernel/run.ts';
import { Names, tunnelDevice } from '../names.ts';
import { chooseTunnel, type TunnelChoice } from './choose.ts';
import type { DeviceState, TunnelDevice, TunnelEngine, TunnelPlace } from './device.ts';
import { KernelEngine } from './kernel-engine.ts';
import { TunnelKeys } from './key.ts';
import { removeLink } from './links.ts';
import { planDevice, planRoutes } from './plan.ts';
import { UserEngine } from './user-engine.ts';

export interface TunnelsOptions {
  /** As of the `LocalNetwork` whose VPCs these are. */
  readonly instanceId: string;
  /** For the secret, sockets and logs. */
  readonly dir: string;
  /** Where else programs may be than in `PATH`. */
  readonly programDirs?: readonly string[];
  readonly limits: NetworkLimits;
  readonly random: Random;
  readonly logger: Logger;
}

/** What WireGuard puts around a packet, over IPv6. */
const overheadBytes = 80;

/**
 * This host's ends of the tunnels that join a tenant's VPC with its parts on other hosts: one WireGuard device in each
 * VPC that needs one, with a key and a UDP port of its own. What goes to a block of another host's pods is led into it;
 * what comes out of it can only come from such a block.
 *
 * The devices outlive the daemon, and end with their VPC. Every method may be repeated after a crash in its middle.
 */
export class Tunnels {
  readonly choice: TunnelChoice;
  readonly #options: TunnelsOptions;
  readonly #names: Names;
  readonly #keys: TunnelKeys;
  readonly #engine: TunnelEngine | undefined;
  readonly #mtu: number;
  readonly #devices = new Map<string, TunnelDevice>();
  readonly #lock = new KeyedLock();
  readonly #listeners = new Set<() => void>();

  private constructor(options: TunnelsOptions, found: { choice: TunnelChoice; mtu: number }) {
    this.#options = options;
    this.choice = found.choice;
    this.#mtu = found.mtu;
    this.#names = new Names(options.instanceId);
    this.#keys = TunnelKeys.open(join(options.dir, 'secret'), options.random);
    this.#engine = engineOf(found.choice, options);
  }

  /** Chooses what encrypts, and deletes devices that an earlier daemon made and had no time to move into a VPC. */
  static async open(options: TunnelsOptions): Promise<Tunnels> {
    const { limits, programDirs } = options;
    const [choice, mtu] = await Promise.all([chooseTunnel(programDirs), uplinkMtu(limits.mtuMax)]);
    const { tunnelPrefix } = new Names(options.instanceId);
    for (const { name } of await links('host')) {
      if (name.startsWith(tunnelPrefix)) await removeLink('host', name);
    }
    return new Tunnels(options, { choice, mtu: mtu - overheadBytes });
  }

  /** Calls when a device is gone that nobody removed: it is to be asked for again. */
  onGone(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Makes the tunnel of a tenant lead to these hosts and no others; without peers it is there and leads nowhere, so
   * that they can be told of it. Connections through what stays are not touched. `unavailable` when nothing can encrypt here, or
   * the tenant has no VPC; `exhausted` when no port is free.
   */
  ensure(tenant: string, peers: readonly TunnelPeer[]): Promise<TunnelEnd> {
    return this.#lock.run(tenant, async () => {
      const key = this.#keys.of(tenant);
      const { netns } = this.#place(tenant);
      if (!hasVpc(netns)) throw new KraudError('unavailable', 'the tenant has no network on this host');
      const { device, seen } = await this.#find(tenant);
      await runIn({ name: netns }, ['ip', 'link', 'set', 'dev', tunnelDevice, 'mtu', `${this.#mtu}`, 'up']);
      const change = planDevice(seen, { privateKey: key.private, peers });
      if (change) await device.apply(change);
      const port = await this.#settlePort(device, seen.port);
      await this.#lead(
        netns,
        peers.flatMap(({ blocks }) => blocks),
      );
      return { key: key.public, port };
    });
  }

  remove(tenant: string): Promise<void> {
    return this.#lock.run(tenant, async () => {
      const device = this.#devices.get(tenant);
      this.#devices.delete(tenant);
      const place = this.#place(tenant);
      if (hasVpc(place.netns)) await this.#engine?.remove(place);
      device?.close();
    });
  }

  /** Lets go of all: they stay in the kernel. */
  close(): void {
    const devices = [...this.#devices.values()];
    this.#devices.clear();
    for (const device of devices) device.close();
  }

  #place(tenant: string): TunnelPlace {
    return { tenant, netns: this.#names.netns(tenant), device: this.#names.tunnel(tenant) };
  }

  /** The one that is known, if it is there still. */
  async #find(tenant: string): Promise<{ device: TunnelDevice; seen: DeviceState }> {
    const known = this.#devices.get(tenant);
    const seen = await known?.state().catch(() => undefined);
    if (known && seen) return { device: known, seen };
    this.#devices.delete(tenant);
    known?.close();
    const device = await this.#open(tenant);
    return { device, seen: await device.state() };
  }

  async #open(tenant: string): Promise<TunnelDevice> {
    if (!this.#engine) throw new KraudError('unavailable', this.choice.reason);
    const device = await this.#engine.open(this.#place(tenant));
    this.#devices.set(tenant, device);
    void device.gone.then(() => {
      if (this.#devices.get(tenant) !== device) return;
      this.#devices.delete(tenant);
      this.#options.logger.warn({ tenant }, 'a tunnel to other hosts has gone');
      for (const listener of this.#listeners) listener();
    });
    return device;
  }

  /** One that it has from before stays, so that the others need not be told. */
  async #settlePort(device: TunnelDevice, present: number): Promise<number> {
    const { tunnelPortFirst: first, tunnelPortLast: last } = this.#options.limits;
    if (present >= first && present <= last) return present;
    for (let port = first; port <= last; port += 1) {
      try {
        await device.apply({ port, set: [], remove: [] });
        return port;
      } catch (error) {
        if (codeOf(error) !== 'conflict') throw error;
      }
    }
    throw new KraudError('exhausted', `all UDP ports from ${first} to ${last} are in use`);
  }

  async #lead(netns: string, blocks: readonly string[]): Promise<void> {
    const seen = (await routes({ name: netns })).filter(({ device }) => device === tunnelDevice);
    const lines = planRoutes(
      seen.map(({ destination }) => `${destination}`),
      blocks,
      tunnelDevice,
    );
    if (lines.length === 0) return;
    await runIn({ name: netns }, ['ip', '-batch', '-'], `${lines.join('\n')}\n`);
  }
}

function engineOf({ kind, program }: TunnelChoice, options: TunnelsOptions): TunnelEngine | undefined {
  const { dir, limits, logger } = options;
  if (kind === 'kernel') return new KernelEngine();
  if (program === undefined) return undefined;
  const { tunnelUid: uid, commandTimeoutMs: timeoutMs } = limits;
  return new UserEngine({ program, dir, uid, timeoutMs, logger });
}

const hasVpc = (netns: string): boolean => existsSync(`/run/netns/${netns}`);
