import type { GuestNetwork, ReserveRequest } from './contract.ts';
import type { ResolvConf } from './resolver/resolv-conf.ts';

/**
 * What the guest is told. Name servers, search and options of the request go before the host's, each on its own, as
 * with Docker; a search list of just `.` means none.
 */
export function guestNetwork(
  request: Pick<ReserveRequest, 'dns' | 'hostname' | 'domainname' | 'extraHosts'>,
  place: {
    readonly addresses: readonly { readonly ipv4: string; readonly prefix: number }[];
    readonly mac: string;
    readonly gateway: string;
    readonly mtu: number;
    readonly host: ResolvConf;
    /** The pod asks our name server, whatever it wants asked further on. */
    readonly named: boolean;
  },
): GuestNetwork {
  const { dns } = request;
  const search = dns.search.length > 0 ? dns.search.filter((s) => s !== '.') : place.host.search;
  const { hostname, domainname } = request;
  const full = domainname === '' ? hostname : `${hostname}.${domainname}`;
  const [first = ''] = full.split('.');
  // On one line, the whole name first: that is what `hostname -f` answers.
  const own = first === full ? full : `${full} ${first}`;
  return {
    network: {
      interface: 'eth0',
      mac: place.mac,
      mtu: place.mtu,
      addresses: place.addresses.map(({ ipv4, prefix }) => `${ipv4}/${prefix}`),
      gateway4: place.gateway,
      gateway6: '',
    },
    resolv: {
      servers: dns.servers.length > 0 && !place.named ? dns.servers : place.host.servers,
      search,
      options: dns.options.length > 0 ? dns.options : place.host.options,
    },
    hosts: [
      ...request.extraHosts.map((h): [string, string] => [
        h.address === 'host-gateway' ? place.gateway : h.address,
        h.name,
      ]),
      ...place.addresses.flatMap(({ ipv4 }): [string, string][] => (own === '' ? [] : [[ipv4, own]])),
    ],
  };
}
