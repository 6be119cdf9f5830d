import { KraudError } from '@kraud/base';
import type { SubnetPool } from '@kraud/cloud';
import { row } from '../body/rows.ts';
import { availabilityOf } from '../nodes/availability.ts';
import type { Operation } from '../operation.ts';
import { swarmId } from './ids.ts';
import {
  checkSpec,
  dataPathPortDefault,
  type SwarmSpecBody,
  subnetSizeDefault,
  swarmSpecRows,
  wishOf,
} from './spec.ts';

interface InitBody {
  ListenAddr?: string;
  AdvertiseAddr?: string;
  DataPathAddr?: string;
  DataPathPort?: number;
  DefaultAddrPool?: string[];
  SubnetSize?: number;
  Availability?: string;
  Spec?: SwarmSpecBody;
}

const listens = { kept: true, note: 'where hosts reach each other is kraudd’s `--listen`' } as const;

export const initSwarm: Operation = {
  method: 'POST',
  path: '/swarm/init',
  support: 'partly',
  note: 'the cloud is there already: this makes the host a manager, and Docker’s clients see it',
  body: [
    row('partly', 'ListenAddr', 'string', '0.0.0.0:2377', listens),
    row('partly', 'AdvertiseAddr', 'string', '10.0.0.1', listens),
    row('partly', 'DataPathAddr', 'string', '10.0.0.1', listens),
    row('partly', 'DataPathPort', 'int', 4790, { kept: true, note: 'shown; there is no VXLAN' }),
    row('yes', 'DefaultAddrPool', 'strings', ['10.1.0.0/16'], { note: 'for networks of swarm scope' }),
    row('yes', 'SubnetSize', 'int', 25, { note: 'of DefaultAddrPool' }),
    row('refused', 'ForceNewCluster', 'bool', true, { note: 'the store has means of its own' }),
    row('refused', 'AutoLockManagers', 'bool', true, { note: 'the store keeps its own keys' }),
    row('yes', 'Availability', 'string', 'drain'),
    ...swarmSpecRows('Spec.', { begins: true }),
  ],
  async run({ swarms, hosts }, call) {
    const body = (await call.body()).body as InitBody;
    const { Spec: spec = {}, Availability: availability } = body;
    if (!body.ListenAddr) {
      throw new KraudError('invalid', 'invalid ListenAddr "": invalid empty address');
    }
    if (isAnyAddress(body.AdvertiseAddr)) {
      throw new KraudError('invalid', 'advertise address must be a non-zero IP address');
    }
    if (isAnyAddress(body.DataPathAddr)) {
      throw new KraudError('invalid', 'data path address must be a non-zero IP address');
    }
    const dataPathPort = dataPathPortOf(body);
    checkSpec(spec);
    const change = { manager: true, ...(availability ? availabilityOf(availability) : {}) };
    await swarms.begin(call.caller, wishOf(spec, { dataPathPort }), poolOf(body));
    const self = await hosts.self(call.caller);
    await hosts.update(call.caller, self.meta.name, change);
    call.json(200, swarmId(self));
  },
};

const isAnyAddress = (text = ''): boolean => /^(0\.0\.0\.0|\[?::\]?)(:\d+)?$/.test(text);

const portFirst = 1024;
const portLast = 49_151;

function dataPathPortOf({ DataPathPort: port }: InitBody): number {
  if (!port) return dataPathPortDefault;
  if (port < portFirst || port > portLast) {
    throw new KraudError(
      'invalid',
      `invalid DataPathPort ${port}: it must be from ${portFirst} to ${portLast}`,
    );
  }
  return port;
}

function poolOf({ DefaultAddrPool: blocks = [], SubnetSize: size }: InitBody): SubnetPool | undefined {
  return blocks.length === 0 ? undefined : { blocks, prefix: size || subnetSizeDefault };
}
