import type { Operation } from '../operation.ts';
import { swarmOf } from './member.ts';
import { clusterOf, joinToken } from './show.ts';

export const inspectSwarm: Operation = {
  method: 'GET',
  path: '/swarm',
  support: 'partly',
  note: 'join tokens once the host listens for others (`--listen`); `kraudd --join` takes them as well',
  async run(cloud, call) {
    const swarm = await swarmOf(cloud, call);
    const JoinTokens = {
      Worker: await joinToken(cloud, call.caller, { role: 'worker' }),
      Manager: await joinToken(cloud, call.caller, { role: 'manager' }),
    };
    call.json(200, { ...clusterOf(swarm, await cloud.hosts.ca(call.caller)), JoinTokens });
  },
};
