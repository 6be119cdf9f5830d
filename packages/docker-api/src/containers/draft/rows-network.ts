import { type BodyRow, row } from '../../body/rows.ts';

const n = (name: string): string => `NetworkingConfig.EndpointsConfig{}.${name}`;
const derived = { kept: true, note: 'state, not an option: ignored, as dockerd does' } as const;

/** `NetworkingConfig`: at most one endpoint, on the network that `NetworkMode` names. */
export const networkRows: readonly BodyRow[] = [
  row('yes', n('MacAddress'), 'string', '02:42:ac:11:00:09'),
  row('yes', n('IPAMConfig.IPv4Address'), 'string', '172.30.0.9'),
  row('refused', n('IPAMConfig.IPv6Address'), 'string', 'fd00::9', {
    note: 'addresses are given by the VPC',
  }),
  row('refused', n('IPAMConfig.LinkLocalIPs'), 'strings', ['169.254.0.9'], {
    note: 'addresses are given by the VPC',
  }),
  row('refused', n('Links'), 'strings', ['db'], { note: 'use a network' }),
  row('refused', n('Aliases'), 'strings', ['web'], { note: 'names on user networks' }),
  row('refused', n('DriverOpts'), 'labels', { a: 'b' }),
  row('refused', n('GwPriority'), 'int', 1, { note: 'a pod is on one network' }),
  row('partly', n('NetworkID'), 'string', 'x', derived),
  row('partly', n('EndpointID'), 'string', 'x', derived),
  row('partly', n('Gateway'), 'string', 'x', derived),
  row('partly', n('IPAddress'), 'string', 'x', derived),
  row('partly', n('IPPrefixLen'), 'int', 1, derived),
  row('partly', n('IPv6Gateway'), 'string', 'x', derived),
  row('partly', n('GlobalIPv6Address'), 'string', 'x', derived),
  row('partly', n('GlobalIPv6PrefixLen'), 'int', 1, derived),
  row('partly', n('DNSNames'), 'strings', ['x'], derived),
];
