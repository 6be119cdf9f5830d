import { isIP, isIPv6 } from 'node:net';
import { isErrno, KeyedLock, KraudError, messageOf } from '@kraud/base';
import type { PortMapping } from '../contract.ts';
import type { NetworkLimits } from '../defaults.ts';
import { TcpProxy } from './tcp-proxy.ts';
import { UdpProxy } from './udp-proxy.ts';

export interface PortOwner {
  readonly podId: string;
  readonly podName: string;
  /** Where the pod is reached. */
  readonly address: string;
}

interface Bound {
  readonly mapping: PortMapping;
  readonly proxy: { close(): Promise<void> };
}

/**
 * Which host port is whose. A port is taken by really binding a socket, so what any other program holds is seen;
 * and that socket carries connections to the pod where no kernel rule does.
 *
 * Holds: all ports of a request are bound, or none.
 */
export class PortTable {
  readonly #limits: NetworkLimits;
  readonly #bound = new Map<string, { owner: PortOwner; ports: Bound[] }>();
  readonly #lock = new KeyedLock();
  #nextEphemeral: number;

  constructor(limits: NetworkLimits) {
    this.#limits = limits;
    this.#nextEphemeral = limits.ephemeralPortFirst;
  }

  /** The mappings with the host's addresses spelled out (`''` becomes `0.0.0.0` and `::`) and the ports chosen. */
  bind(owner: PortOwner, wanted: readonly PortMapping[]): Promise<PortMapping[]> {
    return this.#lock.run('', async () => {
      const ports: Bound[] = [];
      this.#bound.set(owner.podId, { owner, ports });
      try {
        const all = dedupe(wanted);
        const bound = new Map<PortMapping, Bound[]>();
        for (const mapping of fixedFirst(all)) {
          const its = await this.#bindOne(owner, mapping);
          ports.push(...its);
          bound.set(mapping, its);
        }
        ports.splice(0, ports.length, ...all.flatMap((mapping) => bound.get(mapping) ?? []));
      } catch (error) {
        await this.#drop(owner.podId);
        throw error;
      }
      return ports.map((p) => p.mapping);
    });
  }

  /** After a restart: takes those that are still free, and answers what is wrong with the others. */
  rebind(owner: PortOwner, mappings: readonly PortMapping[]): Promise<string[]> {
    return this.#lock.run('', async () => {
      const ports: Bound[] = [];
      const problems: string[] = [];
      this.#bound.set(owner.podId, { owner, ports });
      for (const mapping of mappings) {
        try {
          ports.push(await this.#open(owner, mapping));
        } catch (error) {
          problems.push(messageOf(error));
        }
      }
      return problems;
    });
  }

  release(podId: string): Promise<void> {
    return this.#lock.run('', () => this.#drop(podId));
  }

  all(): { readonly owner: PortOwner; readonly mapping: PortMapping }[] {
    return [...this.#bound.values()].flatMap(({ owner, ports }) =>
      ports.map(({ mapping }) => ({ owner, mapping })),
    );
  }

  async close(): Promise<void> {
    for (const podId of [...this.#bound.keys()]) await this.release(podId);
  }

  async #drop(podId: string): Promise<void> {
    const entry = this.#bound.get(podId);
    this.#bound.delete(podId);
    await Promise.all((entry?.ports ?? []).map((p) => p.proxy.close()));
  }

  async #bindOne(owner: PortOwner, mapping: PortMapping): Promise<Bound[]> {
    if (mapping.hostIp !== '' && isIP(mapping.hostIp) === 0) {
      throw new KraudError('invalid', `invalid IP address: ${mapping.hostIp}`);
    }
    const { among, ...wanted } = mapping;
    if (mapping.hostPort !== 0) return await this.#bindAll(owner, wanted);
    for (const hostPort of among ? from(among) : this.#ephemeral()) {
      try {
        return await this.#bindAll(owner, { ...wanted, hostPort });
      } catch (error) {
        if (!(error instanceof KraudError && error.code === 'conflict')) throw error;
      }
    }
    throw new KraudError('conflict', failure(owner, 'all ports are allocated'));
  }

  /** Each once, beginning behind the one that was taken last. */
  *#ephemeral(): Generator<number> {
    const { ephemeralPortFirst: first, ephemeralPortLast: last } = this.#limits;
    for (let tries = last - first + 1; tries > 0; tries -= 1) {
      const hostPort = this.#nextEphemeral;
      this.#nextEphemeral = hostPort >= last ? first : hostPort + 1;
      yield hostPort;
    }
  }

  async #bindAll(owner: PortOwner, mapping: PortMapping): Promise<Bound[]> {
    if (mapping.hostIp !== '') return [await this.#open(owner, mapping)];
    const v4 = await this.#open(owner, { ...mapping, hostIp: '0.0.0.0' });
    try {
      return [v4, await this.#open(owner, { ...mapping, hostIp: '::' })];
    } catch (error) {
      const cause = error instanceof KraudError ? error.cause : undefined;
      // A host without IPv6.
      if (isErrno(cause, 'EAFNOSUPPORT', 'EADDRNOTAVAIL')) return [v4];
      await v4.proxy.close();
      throw error;
    }
  }

  async #open(owner: PortOwner, mapping: PortMapping): Promise<Bound> {
    const at = isIPv6(mapping.hostIp)
      ? `[${mapping.hostIp}]:${mapping.hostPort}`
      : `${mapping.hostIp}:${mapping.hostPort}`;
    const ours = this.all().some((p) => collide(p.mapping, mapping));
    if (ours)
      throw new KraudError('conflict', failure(owner, `Bind for ${at} failed: port is already allocated`));
    const kind = mapping.protocol === 'tcp' ? TcpProxy : UdpProxy;
    try {
      const proxy = await kind.bind(
        { address: mapping.hostIp, port: mapping.hostPort },
        { host: owner.address, port: mapping.podPort },
        this.#limits,
      );
      return { mapping, proxy };
    } catch (cause) {
      const reason = isErrno(cause, 'EADDRINUSE')
        ? `Bind for ${at} failed: port is already allocated`
        : `listen ${mapping.protocol} ${at}: ${reasonOf(cause)}`;
      const code = isErrno(cause, 'EADDRINUSE') ? 'conflict' : 'unavailable';
      throw new KraudError(code, failure(owner, reason), { cause });
    }
  }
}

function* from({ first, last }: NonNullable<PortMapping['among']>): Generator<number> {
  for (let port = first; port <= last; port += 1) yield port;
}

function failure(owner: PortOwner, reason: string): string {
  return `driver failed programming external connectivity on endpoint ${owner.podName}: ${reason}`;
}

function reasonOf(error: unknown): string {
  if (isErrno(error, 'EADDRNOTAVAIL')) return 'bind: cannot assign requested address';
  if (isErrno(error, 'EACCES')) return 'bind: permission denied';
  return messageOf(error);
}

/** The system lets a listener on one address live beside one on all; Docker's table doesn't, within one family. */
function collide(a: PortMapping, b: PortMapping): boolean {
  if (a.protocol !== b.protocol || a.hostPort !== b.hostPort) return false;
  if (isIPv6(a.hostIp) !== isIPv6(b.hostIp)) return false;
  const any = (ip: string): boolean => ip === '0.0.0.0' || ip === '::';
  return a.hostIp === b.hostIp || any(a.hostIp) || any(b.hostIp);
}

/** A port that may be any takes none that the same pod names. */
const fixedFirst = (mappings: readonly PortMapping[]): PortMapping[] => [
  ...mappings.filter(({ hostPort }) => hostPort !== 0),
  ...mappings.filter(({ hostPort }) => hostPort === 0),
];

function dedupe(mappings: readonly PortMapping[]): PortMapping[] {
  const seen = new Map(
    mappings.map((m) => [JSON.stringify([m.protocol, m.podPort, m.hostIp, m.hostPort, m.among]), m]),
  );
  return [...seen.values()];
}
