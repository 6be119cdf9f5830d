import { KraudError } from '@kraud/base';
import { row } from '../body/rows.ts';
import { availabilityOf } from '../nodes/availability.ts';
import type { Operation } from '../operation.ts';
import { swarmId } from './ids.ts';
import { checkSpec, type SwarmSpecBody, swarmSpecRows, wishOf } from './spec.ts';

interface InitBody {
  ListenAddr?: string;
  AdvertiseAddr?: string;
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
    row('refused', 'DataPathPort', 'int', 4790, { neutral: [4789], note: 'there is no VXLAN' }),
    row('refused', 'DefaultAddrPool', 'strings', ['10.1.0.0/16'], {
      note: 'give networks subnets of their own',
    }),
    row('partly', 'SubnetSize', 'int', 24, { kept: true, note: 'only has a meaning with DefaultAddrPool' }),
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
    if (/^(0\.0\.0\.0|\[?::\]?)(:\d+)?$/.test(body.AdvertiseAddr ?? '')) {
      throw new KraudError('invalid', 'advertise address must be a non-zero IP address');
    }
    checkSpec(spec);
    const change = { manager: true, ...(availability ? availabilityOf(availability) : {}) };
    await swarms.begin(call.caller, wishOf(spec));
    const self = await hosts.self(call.caller);
    await hosts.update(call.caller, self.meta.name, change);
    call.json(200, swarmId(self));
  },
};
