import type { Attachment, FarPod, FarPods, NetworkState, Place } from '../contract.ts';
import { type Answer, type Question, types } from './message.ts';
import { ServiceNames } from './service-names.ts';

const reverse = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\.in-addr\.arpa$/;

/** Who asks, by the address that a question comes from. */
export interface Asker {
  /** Undefined when no pod that it shares a network with is called so. */
  answer(question: Question): Answer | undefined;
  /** Name servers for everything else; undefined: the host's. Empty: it has no way out. */
  readonly servers: readonly string[] | undefined;
}

/** A place of a pod here or elsewhere, by which its names are found. */
type NamedPlace = Pick<Place, 'network' | 'ipv4' | 'names'>;

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
 * to pods of networks without names too. Pods of other hosts are told like those of this one, and don't ask. What a service is
 * called leads there, whatever pods have the same name.
 */
export class PodNames {
  readonly #pods = new Map<string, Known>();
  readonly #askers = new Map<string, Known>();
  readonly #far = new Map<string, FarPod>();
  readonly #farAddresses = new Map<string, FarPod>();
  /** `tenant network` to name to places, in the order in which the pods came. */
  readonly #networks = new Map<string, Map<string, Set<NamedPlace>>>();
  /** Those of other hosts. */
  readonly far: FarPods = {
    put: (pod) => this.#putFar(pod),
    remove: (podId) => this.#removeFar(podId),
  };

  readonly #services: Pick<ServiceNames, 'addressesOf' | 'nameOf'>;

  constructor(services: Pick<ServiceNames, 'addressesOf' | 'nameOf'> = new ServiceNames()) {
    this.#services = services;
  }

  put(attachment: Attachment, networkOf: (name: string) => NetworkState | undefined): void {
    this.remove(attachment.podId);
    const { tenant, podId, nameServers } = attachment;
    const places = attachment.places.filter(({ network }) => networkOf(network)?.names);
    const wayOut = attachment.places.some(({ network }) => networkOf(network)?.internal === false);
    const servers = wayOut ? (nameServers.length > 0 ? nameServers : undefined) : [];
    const known = { attachment, places, links: linksOf(attachment), servers };
    this.#pods.set(podId, known);
    for (const { ipv4 } of attachment.places) this.#askers.set(ipv4, known);
    for (const place of attachment.places) this.#call(tenant, place);
  }

  remove(podId: string): void {
    const known = this.#pods.get(podId);
    if (!known) return;
    this.#pods.delete(podId);
    for (const { ipv4 } of known.attachment.places) this.#askers.delete(ipv4);
    for (const place of known.attachment.places) this.#uncall(known.attachment.tenant, place);
  }

  /** Whether a pod of another host has this address. */
  isFar(address: string): boolean {
    return this.#farAddresses.has(address);
  }

  #putFar(given: FarPod): void {
    this.#removeFar(given.podId);
    // Places are told apart by identity: these are of nobody else.
    const pod = { ...given, places: given.places.map((place) => ({ ...place })) };
    this.#far.set(pod.podId, pod);
    for (const place of pod.places) {
      this.#farAddresses.set(place.ipv4, pod);
      this.#call(pod.tenant, place);
    }
  }

  #removeFar(podId: string): void {
    const pod = this.#far.get(podId);
    if (!pod) return;
    this.#far.delete(podId);
    for (const place of pod.places) {
      if (this.#farAddresses.get(place.ipv4) === pod) this.#farAddresses.delete(place.ipv4);
      this.#uncall(pod.tenant, place);
    }
  }

  #call(tenant: string, place: NamedPlace): void {
    const key = keyOf(tenant, place.network);
    const names = this.#networks.get(key) ?? new Map<string, Set<NamedPlace>>();
    this.#networks.set(key, names);
    for (const name of allNames(place)) names.set(name, (names.get(name) ?? new Set()).add(place));
  }

  #uncall(tenant: string, place: NamedPlace): void {
    const key = keyOf(tenant, place.network);
    const names = this.#networks.get(key);
    for (const name of allNames(place)) {
      const places = names?.get(name);
      places?.delete(place);
      if (places?.size === 0) names?.delete(name);
    }
    if (names?.size === 0) this.#networks.delete(key);
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
    let isKnown = false;
    const look = (network: string, called: string): void => {
      const ofService = this.#services.addressesOf(tenant, network, called);
      if (ofService) isKnown = true;
      const places = this.#networks.get(keyOf(tenant, network))?.get(called) ?? [];
      for (const ipv4 of ofService ?? [...places].map((place) => place.ipv4)) found.add(ipv4);
    };
    for (const link of asker.links.get(name) ?? []) look(link.network, link.name);
    if (found.size === 0) for (const { network } of asker.places) look(network, name);
    if (found.size === 0 && !isKnown) return undefined;
    return { code: 'ok', data: type === types.a ? [...found].map((ipv4) => ({ ipv4 })) : [] };
  }

  #nameOf(asker: Known, address: string): string | undefined {
    for (const { network } of asker.places) {
      const service = this.#services.nameOf(asker.attachment.tenant, network, address);
      if (service !== undefined) return `${service}.${network}`;
    }
    const near = this.#askers.get(address);
    const other = near ? { ...near.attachment, places: near.places } : this.#farAddresses.get(address);
    const place = other?.places.find(({ ipv4 }) => ipv4 === address);
    if (!other || !place || other.tenant !== asker.attachment.tenant) return undefined;
    if (!asker.places.some(({ network }) => network === place.network)) return undefined;
    return `${other.podName}.${place.network}`;
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

function allNames({ names, network }: NamedPlace): Set<string> {
  return new Set(names.flatMap((name) => [name, `${name}.${network}`]).map((name) => name.toLowerCase()));
}
