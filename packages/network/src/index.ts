export { formatIpv4, type Ipv4, macOf, parseIpv4, parseMac, Subnet } from './addresses/ipv4.ts';
export { AddressPool, addressInUse } from './addresses/pool.ts';
export type * from './contract.ts';
export { defaultNetworkLimits, type NetworkLimits } from './defaults.ts';
export { LocalNetwork, type LocalNetworkOptions } from './local-network.ts';
export type { TunnelChoice } from './tunnels/choose.ts';
export { Tunnels, type TunnelsOptions } from './tunnels/tunnels.ts';
