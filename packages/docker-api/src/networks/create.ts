import { KraudError } from '@kraud/base';
import type { NetworkDraft } from '@kraud/cloud';
import { row } from '../body/rows.ts';
import type { Operation } from '../operation.ts';

const drivers = ['bridge', 'overlay', 'vpc'];

interface CreateBody {
  Name?: string;
  Driver?: string;
  Scope?: string;
  Internal?: boolean;
  Attachable?: boolean;
  Ingress?: boolean;
  Labels?: Record<string, string>;
  Options?: Record<string, string>;
  IPAM?: { Driver?: string; Config?: { Subnet?: string; IPRange?: string; Gateway?: string }[] };
}

/** Options of the bridge driver that ask for what a VPC does anyway. */
const harmless: Readonly<Record<string, readonly string[]>> = {
  'com.docker.network.bridge.enable_icc': ['true'],
  'com.docker.network.bridge.enable_ip_masquerade': ['true'],
  'com.docker.network.bridge.host_binding_ipv4': ['0.0.0.0'],
  'com.docker.network.driver.mtu': ['1500'],
};
const options = Object.entries(harmless).map(([name, values]) => `${name}=${values.join('|')}`);

export const createNetwork: Operation = {
  method: 'POST',
  path: '/networks/create',
  body: [
    row('yes', 'Name', 'string', 'front'),
    row('yes', 'CheckDuplicate', 'bool', true, { note: 'names are always checked', kept: true }),
    row('partly', 'Driver', 'string', 'bridge', {
      note: `${drivers.join(', ')}: each is a network of the VPC`,
    }),
    row('yes', 'Scope', 'string', 'swarm', { note: 'shown again' }),
    row('yes', 'Internal', 'bool', true),
    row('yes', 'Attachable', 'bool', true, { note: 'every network is' }),
    row('refused', 'Ingress', 'bool', true, { note: 'published ports need no network of their own' }),
    row('refused', 'ConfigOnly', 'bool', true),
    row('refused', 'ConfigFrom.Network', 'string', 'other'),
    row('refused', 'EnableIPv6', 'bool', true, { note: 'networks are IPv4' }),
    row('yes', 'EnableIPv4', 'bool', true, { note: 'always', kept: true }),
    row('partly', 'IPAM.Driver', 'string', 'default', { note: 'default' }),
    row('refused', 'IPAM.Options', 'labels', { a: 'b' }),
    row('yes', 'IPAM.Config[].Subnet', 'string', '10.1.0.0/16', { note: 'one' }),
    row('yes', 'IPAM.Config[].IPRange', 'string', '10.1.4.0/24'),
    row('yes', 'IPAM.Config[].Gateway', 'string', '10.1.0.1'),
    row('refused', 'IPAM.Config[].AuxiliaryAddresses', 'labels', { host: '10.1.0.5' }),
    row(
      'partly',
      'Options',
      'labels',
      { [Object.keys(harmless)[0] ?? '']: 'true' },
      { note: options.join(', ') },
    ),
    row('yes', 'Labels', 'labels', { a: 'b' }),
  ],
  async run({ networks }, call) {
    const { body } = await call.body('refuse');
    const network = await networks.create(call.caller, draftOf(body as CreateBody));
    call.json(201, { Id: network.meta.uid, Warning: '' });
  },
};

function draftOf(body: CreateBody): NetworkDraft {
  const driver = body.Driver || 'bridge';
  if (driver === 'host' || driver === 'null') {
    throw new KraudError('forbidden', `only one instance of "${driver}" network is allowed`);
  }
  if (!drivers.includes(driver)) {
    throw new KraudError(
      'not-found',
      `could not find plugin ${driver} in v1 plugin registry: plugin "${driver}" not found`,
    );
  }
  const ipam = body.IPAM?.Driver || 'default';
  if (ipam !== 'default') throw new KraudError('not-found', `invalid ipam driver: ${ipam}`);
  const [config = {}, second] = body.IPAM?.Config ?? [];
  if (second) {
    throw new KraudError(
      'unsupported',
      'IPAM.Config with several subnets is not supported: a network has one',
    );
  }
  for (const [name, value] of Object.entries(body.Options ?? {})) {
    if (!harmless[name]?.includes(value)) {
      throw new KraudError('unsupported', `Options["${name}"]=${value} is not supported`);
    }
  }
  return {
    name: body.Name ?? '',
    labels: body.Labels ?? {},
    ...(config.Subnet ? { subnet: config.Subnet } : {}),
    ...(config.Gateway ? { gateway: config.Gateway } : {}),
    ...(config.IPRange ? { range: config.IPRange } : {}),
    internal: body.Internal ?? false,
    options: body.Options ?? {},
    given: {
      docker: {
        Driver: driver,
        Scope: body.Scope || (driver === 'overlay' ? 'swarm' : 'local'),
        Attachable: body.Attachable ?? false,
      },
    },
  };
}
