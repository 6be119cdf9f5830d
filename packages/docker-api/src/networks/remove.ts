import { KraudError } from '@kraud/base';
import { refOf } from '../containers/draft/network.ts';
import type { Operation } from '../operation.ts';
import { networkName, predefined } from './show.ts';

export const removeNetwork: Operation = {
  method: 'DELETE',
  path: '/networks/:id',
  async run({ networks }, call) {
    const network = await networks.get(call.caller, refOf(call.param('id')));
    const name = networkName(network);
    if (predefined.includes(name)) {
      throw new KraudError('forbidden', `${name} is a pre-defined network and cannot be removed`);
    }
    await networks.remove(call.caller, network.meta.uid);
    call.empty(204);
  },
};
