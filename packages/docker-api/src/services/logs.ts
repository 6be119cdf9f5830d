import type { Operation } from '../operation.ts';
import { swarmOf } from '../swarm/member.ts';
import { logParams, logsOf } from '../tasks/stream-logs.ts';
import { findService } from './find.ts';

export const serviceLogs: Operation = {
  method: 'GET',
  path: '/services/:id/logs',
  params: logParams,
  async run(cloud, call) {
    await swarmOf(cloud, call);
    const { meta, spec } = await findService(cloud, call, call.param('id'));
    const tty = spec.template.spec.containers[0]?.tty ?? false;
    await logsOf(cloud, call, tty, (task) => task.workload.meta.uid === meta.uid);
  },
};
