import { type Caller, type Cloud, isPredefined } from '@kraud/cloud';
import { HttpFault } from '../errors.ts';
import { networkScope } from '../networks/show.ts';
import { type Operation, yes } from '../operation.ts';

export const leaveSwarm: Operation = {
  method: 'POST',
  path: '/swarm/leave',
  support: 'partly',
  note: 'the last manager ends the swarm with its services, secrets, configs and networks, for the whole cloud; any other host becomes a cloud of its own, once its tasks have moved',
  params: { force: yes('flag') },
  async run(cloud, call) {
    const { signal, caller } = call;
    const force = call.query.flag('force');
    if (!(await cloud.swarms.get(caller))) throw new HttpFault(503, 'This node is not part of a swarm');
    const self = await cloud.hosts.self(caller);
    const managers = (await cloud.hosts.list(caller)).filter(({ spec }) => spec.manager);
    const isLast = self.spec.manager === true && managers.length === 1;
    if (self.spec.manager && !force) throw new HttpFault(503, warning(isLast));
    if (isLast) {
      await endSwarm(cloud, caller, signal);
    } else {
      await cloud.hosts.leave(caller, { force }, signal);
      call.res.setHeader('Connection', 'close');
    }
    call.empty(200);
  },
};

async function endSwarm(
  { workloads, swarms, networks }: Cloud,
  caller: Caller,
  signal: AbortSignal,
): Promise<void> {
  const services = await workloads.list(caller);
  await Promise.all(services.map(({ meta }) => workloads.remove(caller, meta.uid, signal)));
  const all = await networks.list(caller);
  await swarms.end(
    caller,
    all.filter((network) => !isPredefined(network) && networkScope(network) === 'swarm'),
  );
}

const warning = (isLast: boolean): string =>
  'You are attempting to leave the swarm on a node that is participating as a manager. ' +
  (isLast
    ? 'Removing the last manager erases all current state of the swarm. Use `--force` to ignore this message.'
    : 'Use `--force` to suppress this message.');
