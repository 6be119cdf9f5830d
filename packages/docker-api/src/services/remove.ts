import type { Operation } from '../operation.ts';
import { swarmOf } from '../swarm/member.ts';
import { findService } from './find.ts';

export const removeService: Operation = {
  method: 'DELETE',
  path: '/services/:id',
  note: 'answers once its tasks are gone',
  async run(cloud, call) {
    const { signal } = call;
    await swarmOf(cloud, call);
    const { uid } = (await findService(cloud, call, call.param('id'))).meta;
    await cloud.workloads.remove(call.caller, uid, signal);
    call.empty(200);
  },
};
