import type { Operation } from '../operation.ts';
import { swarmOf } from '../swarm/member.ts';
import { findTask } from './find.ts';
import { taskOf } from './show.ts';

export const inspectTask: Operation = {
  method: 'GET',
  path: '/tasks/:id',
  async run(cloud, call) {
    await swarmOf(cloud, call);
    const task = await findTask(cloud, call, call.param('id'));
    call.json(200, taskOf(task, await cloud.networks.list(call.caller)));
  },
};
