import { type BodyRow, row } from '../../body/rows.ts';

const derived = { kept: true, note: 'state, not an option: ignored, as dockerd does' } as const;

/** An endpoint's options, below `at`. */
export const endpointRows = (at: string): readonly BodyRow[] => {
  const n = (name: string): string => `${at}.${name}`;
  return [
    row('yes', n('MacAddress'), 'string', '02:42:ac:11:00:09', { note: 'of the one interface of the pod' }),
    row('yes', n('IPAMConfig.IPv4Address'), 'string', '172.30.0.9'),
    row('refused', n('IPAMConfig.IPv6Address'), 'string', 'fd00::9', { note: 'networks are IPv4' }),
    row('refused', n('IPAMConfig.LinkLocalIPs'), 'strings', ['169.254.0.9'], { note: 'networks are IPv4' }),
    row('yes', n('Links'), 'strings', ['db:store']),
    row('yes', n('Aliases'), 'strings', ['web'], { note: 'on networks of users' }),
    row(
      'partly',
      n('DriverOpts'),
      'labels',
      { a: 'b' },
      {
        kept: true,
        note: 'kept and shown: no driver here reads them; `com.docker.network.…`, which ask for something, are refused',
      },
    ),
    row('refused', n('GwPriority'), 'int', 1, { note: 'the first network with a way out is the way out' }),
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
};

/** `NetworkingConfig`: an endpoint for each network; they share one interface. */
export const networkRows: readonly BodyRow[] = endpointRows('NetworkingConfig.EndpointsConfig{}');
