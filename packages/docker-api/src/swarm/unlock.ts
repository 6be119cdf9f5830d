import { KraudError } from '@kraud/base';
import { HttpFault } from '../errors.ts';
import type { Operation } from '../operation.ts';

const note = 'managers are not locked: the store keeps its own keys';

function refused(method: Operation['method'], path: string): Operation {
  return {
    method,
    path,
    support: 'refused',
    note,
    run() {
      return Promise.reject(new KraudError('unsupported', `${method} ${path} is not supported: ${note}`));
    },
  };
}

export const getUnlockKey = refused('GET', '/swarm/unlockkey');

/** There is never anything to unlock, and the answer is dockerd's to that. */
export const unlockSwarm: Operation = {
  ...refused('POST', '/swarm/unlock'),
  async run({ swarms }, call) {
    if (!(await swarms.get(call.caller))) throw new HttpFault(503, 'This node is not part of a swarm');
    throw new KraudError('conflict', `swarm is not locked: unlocking is not supported, ${note}`);
  },
};
