import { KraudError } from '@kraud/base';
import { HttpFault } from '../errors.ts';
import type { Operation } from '../operation.ts';
import { swarmOf } from './member.ts';

const note = 'managers are not locked: the store keeps its own keys';

/** An empty key is dockerd's way of saying that there is none. */
export const getUnlockKey: Operation = {
  method: 'GET',
  path: '/swarm/unlockkey',
  support: 'partly',
  note: `there is never one: ${note}`,
  async run(cloud, call) {
    await swarmOf(cloud, call);
    call.json(200, { UnlockKey: '' });
  },
};

/** There is never anything to unlock, and the answer is dockerd's to that. */
export const unlockSwarm: Operation = {
  method: 'POST',
  path: '/swarm/unlock',
  support: 'refused',
  note,
  async run({ swarms }, call) {
    if (!(await swarms.get(call.caller))) throw new HttpFault(503, 'This node is not part of a swarm');
    throw new KraudError('conflict', `swarm is not locked: unlocking is not supported, ${note}`);
  },
};
