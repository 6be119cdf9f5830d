import type { Attachment, Reservation, ReserveRequest } from './contract.ts';
import { guestNetwork } from './guest.ts';
import type { Networks } from './networks.ts';
import type { Places } from './places.ts';
import type { NameService } from './resolver/name-service.ts';

/** What only the guest is told. */
export type GuestSettings = Pick<ReserveRequest, 'hostname' | 'domainname' | 'extraHosts' | 'dns'>;

export const noDns = { servers: [], search: [], options: [] };

interface ReservationsOptions {
  readonly networks: Networks;
  readonly places: Places;
  readonly resolver: NameService;
  readonly mtu: number;
}

/** What follows for a pod, and for its guest, from the places that it has. */
export class Reservations {
  readonly #options: ReservationsOptions;

  constructor(options: ReservationsOptions) {
    this.#options = options;
  }

  async of(attachment: Attachment, settings: GuestSettings): Promise<Reservation> {
    const { tenant, places, mac, nameServers } = attachment;
    const { networks, resolver, mtu } = this.#options;
    const addresses = places.map(({ network, ipv4, links = [] }) => {
      const { state, pool } = networks.get({ tenant, name: network });
      return {
        network,
        ipv4,
        prefix: pool.subnet.prefix,
        gateway: state.gateway,
        names: state.names || links.length > 0,
      };
    });
    const gateway = this.#options.places.wayOut(tenant, places)?.state.gateway ?? '';
    const named = addresses.find(({ names }) => names);
    const host = await (named
      ? resolver.forNamedPods(named.gateway)
      : gateway === ''
        ? noDns
        : resolver.forPods(gateway, nameServers.length === 0));
    const place = { addresses, mac, gateway, mtu: mtu, host, named: named !== undefined };
    const guest = guestNetwork(settings, place);
    return { attachment, addresses: addresses.map(({ names: _, ...rest }) => rest), guest };
  }
}
