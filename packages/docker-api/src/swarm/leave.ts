import { HttpFault } from '../errors.ts';
import { type Operation, yes } from '../operation.ts';

export const leaveSwarm: Operation = {
  method: 'POST',
  path: '/swarm/leave',
  support: 'partly',
  note: 'ends the swarm with its services, for the whole cloud; a host leaves it by `kra host rm`',
  params: { force: yes('flag') },
  async run(cloud, call) {
    const { signal } = call;
    const { workloads, swarms } = cloud;
    if (!(await swarms.get(call.caller))) throw new HttpFault(503, 'This node is not part of a swarm');
    if (!call.query.flag('force')) {
      throw new HttpFault(
        503,
        'You are attempting to leave the swarm on a node that is participating as a manager. Removing the last manager erases all current state of the swarm. Use `--force` to ignore this message.',
      );
    }
    const services = await workloads.list(call.caller);
    await Promise.all(services.map(({ meta }) => workloads.remove(call.caller, meta.uid, signal)));
    await swarms.end(call.caller);
    call.empty(200);
  },
};
