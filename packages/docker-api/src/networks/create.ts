import { KraudError } from '@kraud/base';
import type { Caller, Cloud, NetworkDraft } from '@kraud/cloud';
import { row } from '../body/rows.ts';
import type { Call } from '../call.ts';
import type { Operation } from '../operation.ts';
import { swarmOf } from '../swarm/member.ts';
import { givenOf } from './show.ts';

const drivers = ['bridge', 'overlay', 'vpc'];

interface CreateBody {
  Name?: string;
  Driver?: string;
  Scope?: string;
  Internal?: boolean;
  EnableIPv4?: boolean;
  Attachable?: boolean;
  Ingress?: boolean;
  Labels?: Record<string, string>;
  Options?: Record<string, string>;
  IPAM?: { Driver?: string; Options?: Record<string, string>; Config?: PoolBody[] };
}

interface PoolBody {
  Subnet?: string;
  IPRange?: string;
  Gateway?: string;
  AuxiliaryAddresses?: Record<string, string>;
}

/** Options of Docker's drivers that ask for what a VPC does anyway: nothing between pods leaves a host in the clear. */
const harmless: Readonly<Record<string, readonly string[]>> = {
  'com.docker.network.bridge.enable_icc': ['true'],
  'com.docker.network.bridge.enable_ip_masquerade': ['true'],
  'com.docker.network.bridge.host_binding_ipv4': ['0.0.0.0'],
  'com.docker.network.driver.mtu': ['1500'],
  encrypted: ['', 'true'],
};
const options = Object.entries(harmless).map(([name, values]) => `${name}=${values.join('|')}`);

/** Options about a bridge of the host, which there is none of, and about what a VPC finds out itself. */
const moot = [
  'com.docker.network.bridge.name',
  'com.docker.network.container_iface_prefix',
  'com.docker.network.driver.mtu',
];

const ipamWarnings = (options: Readonly<Record<string, string>> = {}): string[] =>
  Object.keys(options).map((name) => `IPAM option ${name} has no effect: the default driver has none`);

/** What the options change nothing about; one that would have to change something is refused. */
function warningsOf(given: Readonly<Record<string, string>>): string[] {
  return Object.entries(given).flatMap(([name, value]) => {
    if (harmless[name]?.includes(value)) return [];
    const unknown = !name.startsWith('com.docker.network.') && name !== 'encrypted';
    if (moot.includes(name) || unknown) return [`option ${name} has no effect on a network of the VPC`];
    throw new KraudError('unsupported', `Options["${name}"]=${value} is not supported`);
  });
}

export const createNetwork: Operation = {
  method: 'POST',
  path: '/networks/create',
  body: [
    row('yes', 'Name', 'string', 'front'),
    row('yes', 'CheckDuplicate', 'bool', true, { note: 'names are always checked', kept: true }),
    row('partly', 'Driver', 'string', 'bridge', {
      note: `${drivers.join(', ')}: each is a network of the VPC, on all hosts`,
    }),
    row('yes', 'Scope', 'string', 'swarm', { note: 'shown again' }),
    row('yes', 'Internal', 'bool', true),
    row('yes', 'Attachable', 'bool', true, { note: 'every network is' }),
    row('partly', 'Ingress', 'bool', true, {
      kept: true,
      note: 'a swarm has one from the beginning; another is refused as dockerd does',
    }),
    row('refused', 'ConfigOnly', 'bool', true),
    row('refused', 'ConfigFrom.Network', 'string', 'other'),
    row('refused', 'EnableIPv6', 'bool', true, { note: 'networks are IPv4' }),
    row('yes', 'EnableIPv4', 'bool', true, { note: 'always: false is refused', kept: true }),
    row('partly', 'IPAM.Driver', 'string', 'default', { note: 'default' }),
    row(
      'partly',
      'IPAM.Options',
      'labels',
      { a: 'b' },
      { note: 'shown; a warning: the default driver has none' },
    ),
    row('yes', 'IPAM.Config[].Subnet', 'string', '10.1.0.0/16', { note: 'one' }),
    row('yes', 'IPAM.Config[].IPRange', 'string', '10.1.4.0/24'),
    row('yes', 'IPAM.Config[].Gateway', 'string', '10.1.0.1'),
    row(
      'yes',
      'IPAM.Config[].AuxiliaryAddresses',
      'labels',
      { host: '10.1.0.5' },
      { note: 'no container gets them' },
    ),
    row(
      'partly',
      'Options',
      'labels',
      { [Object.keys(harmless)[0] ?? '']: 'true' },
      {
        note: `${options.join(', ')}; a warning for what a network of the VPC has no use for, others are refused`,
      },
    ),
    row('yes', 'Labels', 'labels', { a: 'b' }),
  ],
  async run({ networks, swarms }, call) {
    const body = (await call.body('refuse')).body as CreateBody;
    if (body.Ingress) await refuseIngress({ networks, swarms }, call);
    const draft = await withPool(draftOf(body), swarms, call.caller);
    const warnings = [...warningsOf(draft.options), ...ipamWarnings(body.IPAM?.Options)];
    const network = await networks.create(call.caller, draft);
    call.json(201, { Id: network.meta.uid, Warning: warnings.join('; ') });
  },
};

/** Networks of swarm scope get their subnets from the swarm's pool, if it has one. */
async function withPool(draft: NetworkDraft, swarms: Cloud['swarms'], caller: Caller): Promise<NetworkDraft> {
  if (draft.subnet !== undefined || givenOf(draft.given).Scope !== 'swarm') return draft;
  const pool = (await swarms.get(caller))?.pool;
  return pool ? { ...draft, pool } : draft;
}

async function refuseIngress(cloud: Pick<Cloud, 'networks' | 'swarms'>, call: Call): Promise<never> {
  await swarmOf(cloud, call);
  const all = await cloud.networks.list(call.caller);
  const present = all.find(({ spec }) => spec.driver === 'ingress');
  if (!present) {
    throw new KraudError('unsupported', 'Ingress is not supported: a user’s network has the name ingress');
  }
  const { uid } = present.meta;
  throw new KraudError(
    'exists',
    `rpc error: code = AlreadyExists desc = ingress network (${uid}) is already present`,
  );
}

function refuseWithoutIpv4(scope: string): never {
  if (scope === 'swarm') throw new KraudError('invalid', 'IPv4 cannot be disabled in a Swarm scoped network');
  throw new KraudError('unsupported', 'EnableIPv4=false is not supported: networks are IPv4');
}

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
  const scope = body.Scope || (driver === 'overlay' ? 'swarm' : 'local');
  if (body.EnableIPv4 === false) refuseWithoutIpv4(scope);
  const ipam = body.IPAM?.Driver || 'default';
  if (ipam !== 'default') throw new KraudError('not-found', `invalid ipam driver: ${ipam}`);
  const [config = {}, second] = body.IPAM?.Config ?? [];
  if (second) {
    throw new KraudError(
      'unsupported',
      'IPAM.Config with several subnets is not supported: a network has one',
    );
  }
  if (config.Subnet?.includes(':')) {
    throw new KraudError('unsupported', `subnet ${config.Subnet} is not supported: networks are IPv4`);
  }
  const ipamOptions = body.IPAM?.Options ?? {};
  const reserved = config.AuxiliaryAddresses ?? {};
  return {
    name: body.Name ?? '',
    labels: body.Labels ?? {},
    ...(config.Subnet ? { subnet: config.Subnet } : {}),
    ...(config.Gateway ? { gateway: config.Gateway } : {}),
    ...(config.IPRange ? { range: config.IPRange } : {}),
    ...(Object.keys(reserved).length > 0 ? { reserved } : {}),
    internal: body.Internal ?? false,
    options: body.Options ?? {},
    given: {
      docker: {
        Driver: driver,
        Scope: scope,
        Attachable: body.Attachable ?? false,
        ...(Object.keys(ipamOptions).length > 0 ? { IpamOptions: ipamOptions } : {}),
      },
    },
  };
}
