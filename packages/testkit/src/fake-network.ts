import { KraudError } from '@kraud/base';
import type {
  AdoptReport,
  Attachment,
  HostNetwork,
  NetworkSpec,
  NetworkState,
  PlaceRequest,
  Reservation,
  ReserveRequest,
} from '@kraud/network';
import { live } from './live.ts';

/** Addresses and ports without a kernel. What is reserved stays so when a daemon dies, until it is adopted or swept. */
export class FakeNetwork implements HostNetwork {
  readonly [live] = true;
  readonly warnings = [];
  readonly held = new Map<string, Attachment>();
  readonly plugged = new Set<string>();
  readonly parked = new Set<string>();
  /** What `traffic` answers for pods that are plugged in; 0 otherwise. */
  readonly packets = new Map<string, number>();
  readonly far = { put: (): void => {}, remove: (): void => {} };
  #next = 2;
  #listener: ((podId: string) => void) | undefined;

  async ensureNetwork(spec: NetworkSpec): Promise<NetworkState> {
    return { ...spec, subnet: '172.17.0.0/16', gateway: '172.17.0.1', internal: false, names: false };
  }

  networks(): NetworkState[] {
    return [];
  }

  async chooseSubnet(wanted = '172.17.0.0/16'): Promise<string> {
    return wanted;
  }

  withhold(): string[] {
    return [];
  }

  async removeNetwork(): Promise<void> {}

  async serve(): Promise<void> {}

  async reserve(request: ReserveRequest): Promise<Reservation> {
    const { podId, podName, tenant, networks, ports } = request;
    for (const { podId: other, ports: taken } of this.held.values()) {
      const clash = taken.find((port) => ports.some(({ hostPort }) => hostPort === port.hostPort));
      if (clash && other !== podId) throw new KraudError('conflict', `port ${clash.hostPort} is taken`);
    }
    const known = this.held.get(podId);
    const ipv4 = known?.places[0]?.ipv4 ?? `172.17.0.${this.#next}`;
    if (!known) this.#next += 1;
    const places = networks.map(({ network, names }) => ({ network, ipv4, names }));
    const mac = '02:42:ac:11:00:02';
    const attachment = { podId, podName, tenant, places, mac, nameServers: [], ports };
    this.held.set(podId, attachment);
    return reservationOf(attachment);
  }

  async rejoin(podId: string, networks: readonly PlaceRequest[]): Promise<Reservation> {
    if (this.parked.has(podId)) throw new KraudError('conflict', `pod ${podId} is parked`);
    const held = this.held.get(podId);
    if (!held) throw new KraudError('not-found', `pod ${podId} has no place`);
    const ipv4 = held.places[0]?.ipv4 ?? '172.17.0.2';
    const places = networks.map(({ network, names }) => ({ network, ipv4, names }));
    const attachment = { ...held, places };
    this.held.set(podId, attachment);
    return reservationOf(attachment);
  }

  rename(podId: string, podName: string, networks: readonly PlaceRequest[]): Attachment | undefined {
    const held = this.held.get(podId);
    if (!held) return undefined;
    const namesOn = (network: string) => networks.find((place) => place.network === network)?.names ?? [];
    const places = held.places.map((place) => ({ ...place, names: namesOn(place.network) }));
    this.held.set(podId, { ...held, podName, places });
    return this.held.get(podId);
  }

  async stage(): Promise<void> {}

  async plug(podId: string): Promise<void> {
    this.parked.delete(podId);
    this.plugged.add(podId);
  }

  async attach(request: ReserveRequest): Promise<Reservation> {
    const reservation = await this.reserve(request);
    await this.plug(request.podId);
    return reservation;
  }

  async park(podId: string): Promise<void> {
    if (!this.held.has(podId)) throw new KraudError('not-found', `pod ${podId} has no place`);
    this.parked.add(podId);
    this.plugged.add(podId);
  }

  parkedTap(podId: string): { readonly netns: string; readonly name: string } | undefined {
    return this.parked.has(podId)
      ? { netns: '/run/netns/fake', name: `tap${podId.slice(0, 12)}` }
      : undefined;
  }

  async unpark(podId: string, ready?: Promise<void>): Promise<void> {
    if (!this.held.has(podId)) throw new KraudError('not-found', `pod ${podId} has no place`);
    await ready;
    this.parked.delete(podId);
  }

  onKnock(listener: (podId: string) => void): void {
    this.#listener = listener;
  }

  /** Somebody sends something to the pod: heard only while it is parked. */
  knock(podId: string): void {
    if (this.parked.has(podId)) this.#listener?.(podId);
  }

  async traffic(podIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const plugged = podIds.filter((podId) => this.plugged.has(podId));
    return new Map(plugged.map((podId) => [podId, this.packets.get(podId) ?? 0]));
  }

  async detach(podId: string): Promise<void> {
    this.parked.delete(podId);
    this.held.delete(podId);
    this.plugged.delete(podId);
  }

  attachments(): Attachment[] {
    return [...this.held.values()];
  }

  async adopt(
    attachments: readonly Attachment[],
    { parked = new Set() }: { readonly parked?: ReadonlySet<string> } = {},
  ): Promise<AdoptReport> {
    const going = new Set(attachments.map(({ podId }) => podId));
    for (const podId of [...this.held.keys()]) if (!going.has(podId)) await this.detach(podId);
    for (const attachment of attachments) this.held.set(attachment.podId, attachment);
    this.parked.clear();
    for (const podId of going) if (parked.has(podId)) await this.park(podId);
    return { lost: [], problems: [] };
  }

  async close(): Promise<void> {}
}

function reservationOf(attachment: Attachment): Reservation {
  const gateway = '172.17.0.1';
  const addresses = attachment.places.map(({ network, ipv4 }) => ({ network, ipv4, prefix: 16, gateway }));
  return {
    attachment,
    addresses,
    guest: {
      network: {
        interface: 'eth0',
        mac: attachment.mac,
        mtu: 1500,
        addresses: addresses.map(({ ipv4 }) => `${ipv4}/16`),
        gateway4: gateway,
        gateway6: '',
      },
      resolv: { servers: [gateway], search: [], options: [] },
      hosts: addresses.map(({ ipv4 }): [string, string] => [ipv4, attachment.podName]),
    },
  };
}
