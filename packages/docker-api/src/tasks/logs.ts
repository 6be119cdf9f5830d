import type { Operation } from '../operation.ts';
import { swarmOf } from '../swarm/member.ts';
import { findTask } from './find.ts';
import { logParams, logsOf } from './stream-logs.ts';

export const taskLogs: Operation = {
  method: 'GET',
  path: '/tasks/:id/logs',
  params: logParams,
  async run(cloud, call) {
    await swarmOf(cloud, call);
    const { id, pod } = await findTask(cloud, call, call.param('id'));
    await logsOf(cloud, call, pod.spec.containers[0]?.tty ?? false, (task) => task.id === id);
  },
};
