import type { Attachment, NetworkState, Place } from '../contract.ts';
import { type Answer, type Question, types } from './message.ts';

const reverse = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\.in-addr\.arpa$/;

/** Who asks, by the address that a question comes from. */
export interface Asker {
  /** Undefined when no pod that it shares a network with is called so. */
  answer(question: Question): Answer | undefined;
  /** Name servers for everything else; undefined: the host's. Empty: it has no way out. */
  readonly servers: readonly string[] | undefined;
}

interface Known {
  readonly attachment: Attachment;
  /** Those on networks with names. */
  readonly places: readonly Place[];
  /** What it alone calls others, to where those names are kept. */
  readonly links: ReadonlyMap<string, readonly { readonly network: string; readonly name: string }[]>;
  readonly servers: readonly string[] | undefined;
}

/**
 * What pods are called, by network. A pod is told of the pods that it shares a network with, by the address that
 * they have there: a container's name, its aliases, and each with the network's name behind it. Its own links go before, and lead
 * to pods of networks without names too.
 */
export class PodNames {
  readonly #pods = new Map<string, Known>();
  readonly #askers = new Map<string, Known>();
  /** `tenant network` to name to addresses, in the order in which the pods came. */
  readonly #networks = new Map<string, Map<string, Set<string>>>();

  put(attachment: Attachment, networkOf: (name: string) => NetworkState | undefined): void {
    this.remove(attachment.podId);
    const { tenant, podId, nameServers } = attachment;
    const places = attachment.places.filter(({ network }) => networkOf(network)?.names);
    const wayOut = attachment.places.some(({ network }) => networkOf(network)?.internal === false);
    const servers = wayOut ? (nameServers.length > 0 ? nameServers : undefined) : [];
    const known = { attachment, places, links: linksOf(attachment), servers };
    this.#pods.set(podId, known);
    for (const { ipv4 } of attachment.places) this.#askers.set(ipv4, known);
    for (const place of attachment.places) {
      const names = this.#networks.get(keyOf(tenant, place.network)) ?? new Map<string, Set<string>>();
      this.#networks.set(keyOf(tenant, place.network), names);
      for (const name of allNames(place)) {
        names.set(name, (names.get(name) ?? new Set()).add(place.ipv4));
      }
    }
  }

  remove(podId: string): void {
    const known = this.#pods.get(podId);
    if (!known) return;
    this.#pods.delete(podId);
    for (const { ipv4 } of known.attachment.places) this.#askers.delete(ipv4);
    for (const place of known.attachment.places) {
      const key = keyOf(known.attachment.tenant, place.network);
      const names = this.#networks.get(key);
      for (const name of allNames(place)) {
        const addresses = names?.get(name);
        addresses?.delete(place.ipv4);
        if (addresses?.size === 0) names?.delete(name);
      }
      if (names?.size === 0) this.#networks.delete(key);
    }
  }

  /** Undefined: no pod has this address. */
  asker(address: string): Asker | undefined {
    const known = this.#askers.get(address);
    return known && { servers: known.servers, answer: (question) => this.#answer(known, question) };
  }

  #answer(asker: Known, { name, type }: Question): Answer | undefined {
    const pointer = reverse.exec(name);
    if (pointer) {
      const named = this.#nameOf(asker, pointer.slice(1).reverse().join('.'));
      if (named === undefined) return undefined;
      return { code: 'ok', data: type === types.ptr ? [{ name: named }] : [] };
    }
    const { tenant } = asker.attachment;
    const found = new Set<string>();
    const look = (network: string, called: string): void => {
      for (const ipv4 of this.#networks.get(keyOf(tenant, network))?.get(called) ?? []) found.add(ipv4);
    };
    for (const link of asker.links.get(name) ?? []) look(link.network, link.name);
    if (found.size === 0) for (const { network } of asker.places) look(network, name);
    if (found.size === 0) return undefined;
    return { code: 'ok', data: type === types.a ? [...found].map((ipv4) => ({ ipv4 })) : [] };
  }

  #nameOf(asker: Known, address: string): string | undefined {
    const other = this.#askers.get(address);
    const place = other?.places.find(({ ipv4 }) => ipv4 === address);
    if (!other || !place || other.attachment.tenant !== asker.attachment.tenant) return undefined;
    if (!asker.places.some(({ network }) => network === place.network)) return undefined;
    return `${other.attachment.podName}.${place.network}`;
  }
}

const keyOf = (tenant: string, network: string): string => `${tenant} ${network}`;

function linksOf({ places }: Attachment): Known['links'] {
  const links = new Map<string, { network: string; name: string }[]>();
  for (const { network, links: own = [] } of places) {
    for (const { alias, to } of own) {
      const name = alias.toLowerCase();
      links.set(name, [...(links.get(name) ?? []), { network, name: to.toLowerCase() }]);
    }
  }
  return links;
}

function allNames({ names, network }: Place): Set<string> {
  return new Set(names.flatMap((name) => [name, `${name}.${network}`]).map((name) => name.toLowerCase()));
}
