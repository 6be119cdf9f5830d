import type { Operation } from '../operation.ts';
import { swarmOf } from './member.ts';
import { clusterOf, joinToken } from './show.ts';

export const inspectSwarm: Operation = {
  method: 'GET',
  path: '/swarm',
  support: 'partly',
  note: 'both join tokens are what `kraudd --join` takes, once the host listens for others',
  async run(cloud, call) {
    const swarm = await swarmOf(cloud, call);
    const token = await joinToken(cloud, call.caller);
    const trustRoot = (await cloud.hosts.ca(call.caller)) ?? '';
    call.json(200, { ...clusterOf(swarm, trustRoot), JoinTokens: { Worker: token, Manager: token } });
  },
};
