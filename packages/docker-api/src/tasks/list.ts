import { Filters } from '../filters.ts';
import { filtersOf, type Operation } from '../operation.ts';
import { pick, swarmId } from '../swarm/ids.ts';
import { swarmOf } from '../swarm/member.ts';
import { taskOf } from './show.ts';
import { isUpToDate, type TaskView, tasksOf } from './view.ts';

const names = ['_up-to-date', 'desired-state', 'id', 'label', 'name', 'node', 'runtime', 'service'];

export const listTasks: Operation = {
  method: 'GET',
  path: '/tasks',
  params: { filters: filtersOf(...names) },
  async run(cloud, call) {
    await swarmOf(cloud, call);
    const { caller } = call;
    const filters = Filters.parse(call.query.text('filters'), names);
    filters.oneOf('desired-state', ['running', 'shutdown', 'accepted']);
    const [services, hosts] = [await cloud.workloads.list(caller), await cloud.hosts.list(caller)];
    const self = await cloud.hosts.self(caller);
    const wanted = {
      services: new Set(filters.get('service').map((ref) => pick(services, ref, 'service').meta.uid)),
      nodes: new Set(
        filters.get('node').map((ref) => (ref === 'self' ? self : pick(hosts, ref, 'node')).meta.name),
      ),
    };
    const tasks = (await tasksOf(cloud, caller)).filter(
      (task) =>
        (wanted.services.size === 0 || wanted.services.has(task.workload.meta.uid)) &&
        (wanted.nodes.size === 0 || wanted.nodes.has(task.pod.spec.host ?? '')) &&
        matches(task, filters),
    );
    const networks = await cloud.networks.list(caller);
    call.json(
      200,
      tasks.map((task) => taskOf(task, networks)),
    );
  },
};

/** Labels are those of the service, as with dockerd. */
function matches(task: TaskView, filters: Filters): boolean {
  const done = task.desired === 'shutdown' || task.desired === 'remove' || task.status.state === 'complete';
  const upToDate = filters.flag('_up-to-date');
  return (
    filters.some('id', (id) => swarmId(task.pod).startsWith(id)) &&
    filters.some('name', (name) => task.name.startsWith(name) || task.pod.meta.name.startsWith(name)) &&
    filters.some('desired-state', (state) => (state === 'shutdown') === done) &&
    filters.exact('runtime', 'container') &&
    filters.labels(task.workload.meta.labels) &&
    (upToDate === undefined || upToDate === isUpToDate(task))
  );
}
