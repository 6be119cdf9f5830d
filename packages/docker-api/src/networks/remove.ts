import { KraudError } from '@kraud/base';
import type { Operation } from '../operation.ts';
import { networkName, predefined } from './show.ts';

export const removeNetwork: Operation = {
  method: 'DELETE',
  path: '/networks/:id',
  support: 'refused',
  note: 'the predefined networks stay, and others can’t be made yet',
  async run({ networks }, call) {
    const ref = call.param('id');
    const network = await networks.get(call.caller, ref === 'bridge' ? 'default' : ref);
    const name = networkName(network);
    if (predefined.includes(name)) {
      throw new KraudError('forbidden', `${name} is a pre-defined network and cannot be removed`);
    }
    throw new KraudError('unsupported', 'removing networks is not supported');
  },
};
