import type { Operation } from '../operation.ts';
import { swarmOf } from '../swarm/member.ts';
import { findTask } from './find.ts';
import { taskOf } from './show.ts';

export const inspectTask: Operation = {
  method: 'GET',
  path: '/tasks/:id',
  async run(cloud, call) {
    await swarmOf(cloud, call);
    call.json(200, taskOf(await findTask(cloud, call, call.param('id'))));
  },
};
