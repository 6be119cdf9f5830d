import { KraudError } from '@kraud/base';
import { isPredefined } from '@kraud/cloud';
import { refOf } from '../containers/draft/network.ts';
import { type Operation, yes } from '../operation.ts';
import { servicesOn } from './services.ts';
import { networkOf, networkScope } from './show.ts';

export const inspectNetwork: Operation = {
  method: 'GET',
  path: '/networks/:id',
  params: { verbose: yes('flag'), scope: yes('text') },
  async run({ networks, swarms, workloads }, call) {
    const ref = call.param('id');
    const network = await networks.get(call.caller, refOf(ref));
    const scope = call.query.text('scope');
    // A swarm knows the networks that every daemon has, too: clients ask so before they make a service on one.
    const inSwarm = isPredefined(network) && (await swarms.get(call.caller)) !== undefined;
    if (scope !== '' && scope !== networkScope(network) && !(scope === 'swarm' && inSwarm)) {
      throw new KraudError('not-found', `network ${ref} not found`);
    }
    const members = await networks.members(call.caller, network);
    const services = call.query.flag('verbose')
      ? { Services: servicesOn(network, await workloads.list(call.caller), members) }
      : {};
    call.json(200, { ...networkOf(network, members), ...services });
  },
};
