import { type Clock, codeOf, KeyedLock, KraudError, type Logger, messageOf } from '@kraud/base';
import type { FixedPlace } from '@kraud/host';
import {
  defaultNamespace,
  defaultTenant,
  type FixedClaim,
  fixedClaims,
  giverOf,
  type Network,
  type Tables,
  withAnswer,
  withFixed,
  withoutFixed,
} from '@kraud/macro';
import { addressInUse, type HostNetwork } from '@kraud/network';

export interface FixedAddressesParts {
  readonly tables: Pick<Tables, 'networks' | 'hosts' | 'pods'>;
  readonly network: Pick<HostNetwork, 'withhold' | 'attachments'>;
  /** This host's. */
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Held extends FixedClaim {
  readonly tenant: string;
  readonly network: string;
}

/** How long the host that has an address's block may take to say whether it has given it. */
const answerTimeoutMs = 10_000;
const retryMs = 3_000;

/**
 * Addresses that pods ask for by number: one pod has one, of all hosts.
 *
 * ```
 * host of the pod                store                       host that has the block
 * claim, if nobody has it ─────> status.fixed[address] ────> gives it to nobody from here on
 * start, or refuse        <───── agreed, or gone again <──── unless it has given it before
 * ```
 *
 * The claim is one conditional write, so of two that ask at one time one is refused. What the host gives out of its own
 * block by itself is never written before a pod runs; so where the block is another host's, that one is asked.
 */
export class FixedAddresses {
  readonly #parts: FixedAddressesParts;
  readonly #held = new Map<string, Held[]>();
  readonly #lock = new KeyedLock();
  readonly #stop = new AbortController();
  #answers = false;

  constructor(parts: FixedAddressesParts) {
    this.#parts = parts;
  }

  /** From now on no pod here is given what others hold. Before any pod is taken over. Answers how to stop. */
  follow(): () => void {
    const { networks } = this.#parts.tables;
    const unsubscribe = networks.cache.subscribe((changes) => {
      for (const { before, after } of changes) {
        if (after) this.#look(after);
        else if (before && !networks.get(before.meta)) this.#parts.network.withhold(before.meta, []);
      }
    });
    for (const network of networks.everywhere()) this.#look(network);
    return () => {
      unsubscribe();
      this.#stop.abort();
    };
  }

  /** The pods of an earlier daemon are taken over: others can be answered, and what is nobody's any more is given back. */
  async begin(): Promise<void> {
    const { tables, network, name } = this.#parts;
    const attached = new Set(network.attachments().map(({ podId }) => podId));
    for (const present of tables.networks.everywhere()) {
      const { meta } = present;
      for (const claim of fixedClaims(present)) {
        if (claim.host !== name || this.#held.has(claim.pod)) continue;
        const held = { ...claim, tenant: meta.tenant, network: meta.name };
        if (attached.has(claim.pod)) this.#note(held);
        else await this.#drop([held]);
      }
    }
    for (const { tenant, podId, places } of network.attachments()) this.#inherit(tenant, podId, places);
    this.#answers = true;
    for (const each of tables.networks.everywhere()) this.#look(each);
  }

  /** Of a pod that was started before addresses were held. */
  #inherit(tenant: string, podId: string, places: readonly { network: string; ipv4: string }[]): void {
    const { tables, logger } = this.#parts;
    const asked = tables.pods.cache.byUid(podId)?.spec.networks ?? [];
    const fixed = places.flatMap(({ network, ipv4 }) =>
      asked.some((on) => on.name === network && on.ipv4 === ipv4) ? [{ network, address: ipv4 }] : [],
    );
    this.hold(tenant, podId, fixed).catch((error: unknown) => {
      logger.warn(
        { pod: podId, error: messageOf(error) },
        'a pod goes on with an address that is not its own',
      );
    });
  }

  /** These are the pod's from now on, beside those that it has. `conflict` when one isn't free; then nothing has changed. */
  hold(tenant: string, pod: string, places: readonly FixedPlace[]): Promise<void> {
    return this.#lock.run(pod, async () => {
      const fresh: Held[] = [];
      try {
        for (const { network, address } of places) {
          const held = { tenant, network, address, pod, host: this.#parts.name };
          if (this.#heldBy(pod).some((one) => one.network === network && one.address === address)) continue;
          await this.#claim(held);
          fresh.push(held);
          await this.#agreed(held);
        }
      } catch (error) {
        await this.#drop(fresh);
        throw error;
      }
      for (const held of fresh) this.#note(held);
    });
  }

  /** Others may have what the pod has, but for these. Goes on until the store takes it, or the daemon ends. */
  release(pod: string, keep: readonly FixedPlace[] = []): Promise<void> {
    if (!this.#held.has(pod)) return Promise.resolve();
    return this.#lock.run(pod, async () => {
      const kept = ({ network, address }: Held): boolean =>
        keep.some((place) => place.network === network && place.address === address);
      const held = this.#heldBy(pod);
      await this.#drop(held.filter((one) => !kept(one)));
      this.#held.delete(pod);
      for (const one of held.filter(kept)) this.#note(one);
    });
  }

  #heldBy(pod: string): readonly Held[] {
    return this.#held.get(pod) ?? [];
  }

  #note(held: Held): void {
    this.#held.set(held.pod, [...this.#heldBy(held.pod), held]);
  }

  async #claim(held: Held): Promise<void> {
    const { networks, hosts } = this.#parts.tables;
    const key = keyOf(held);
    // What this pod had in an earlier life of this host; whether the host was there then is for nobody to guess.
    await networks.mutate(key, (present) => withoutFixed(present, [held]));
    for (let seen = -1; ; ) {
      let based = seen;
      await networks.mutate(key, (present) => {
        based = present.meta.revision ?? 0;
        if (based > seen) return undefined;
        const claimed = withFixed(present, held, (host) => this.#isThere(host));
        if (!claimed) throw addressInUse();
        return claimed;
      });
      if (based <= seen) return;
      seen = based;
      // Whose host is there is to be known as of then.
      await hosts.reached(seen);
    }
  }

  /** Resolves once nobody can have the address otherwise. */
  async #agreed(held: Held): Promise<void> {
    const { tables, clock } = this.#parts;
    const answered = new AbortController();
    const waited = AbortSignal.any([answered.signal, this.#stop.signal]);
    const look = (): boolean | undefined => {
      const network = tables.networks.get(keyOf(held));
      const present = network?.status.fixed?.[held.address];
      if (present?.pod !== held.pod || present.host !== held.host) return false;
      return present.agreed ? true : undefined;
    };
    const asked = (): string | undefined => {
      const network = tables.networks.get(keyOf(held));
      return network && giverOf(network, held.address);
    };
    try {
      const answer = await Promise.race([
        tables.networks.cache.waitFor(look, waited),
        // Its pods have ended with it.
        tables.hosts.cache.waitFor(() => (this.#isThere(asked() ?? '') ? undefined : true), waited),
        clock.sleep(answerTimeoutMs, waited).then(() => undefined),
      ]);
      if (answer === false) throw addressInUse();
      if (answer === true) return;
    } finally {
      answered.abort();
    }
    throw new KraudError(
      'unavailable',
      `host ${asked()}, which gives addresses around ${held.address}, does not say whether a container has it`,
    );
  }

  async #drop(all: readonly Held[]): Promise<void> {
    for (const held of all) {
      while (!this.#stop.signal.aborted) {
        try {
          await this.#parts.tables.networks.mutate(keyOf(held), (present) => withoutFixed(present, [held]));
          break;
        } catch (error) {
          if (codeOf(error) === 'not-found') break;
          const { clock, logger } = this.#parts;
          logger.warn(
            { address: held.address, error: messageOf(error) },
            'an address could not be given back yet',
          );
          await clock.sleep(retryMs, this.#stop.signal).catch(() => {});
        }
      }
    }
  }

  /** At once with what the cache shows: no pod of this host is given an address in between. */
  #look(present: Network): void {
    const { network, name, logger } = this.#parts;
    const claims = fixedClaims(present).filter(({ host }) => host !== name);
    const given = network.withhold(
      { tenant: present.meta.tenant, name: present.meta.name },
      claims.map(({ address }) => address),
    );
    if (!this.#answers) return;
    for (const claim of claims) {
      if (present.status.fixed?.[claim.address]?.agreed || giverOf(present, claim.address) !== name) continue;
      const free = !given.includes(claim.address);
      this.#parts.tables.networks
        .mutate(present.meta, (now) => withAnswer(now, claim, free))
        .catch((error: unknown) => {
          logger.warn(
            { address: claim.address, error: messageOf(error) },
            'another host was not told whether an address is free',
          );
        });
    }
  }

  #isThere(host: string): boolean {
    if (host === this.#parts.name) return true;
    const key = { tenant: defaultTenant, namespace: defaultNamespace, name: host };
    const found = this.#parts.tables.hosts.get(key);
    return found !== undefined && found.status.lostAt === undefined;
  }
}

const keyOf = ({ tenant, network }: Held) => ({ tenant, namespace: defaultNamespace, name: network });
