import type { Workload } from '@kraud/cloud';
import { Filters } from '../filters.ts';
import { filtersOf, type Operation, yes } from '../operation.ts';
import { swarmId } from '../swarm/ids.ts';
import { swarmOf } from '../swarm/member.ts';
import { serviceOf } from './show/service.ts';

const names = ['id', 'label', 'mode', 'name', 'runtime'];

const modeNames: Record<Workload['spec']['mode']['type'], string> = {
  replicated: 'replicated',
  ordered: 'replicated',
  global: 'global',
  job: 'replicated-job',
  cron: 'replicated-job',
  'global-job': 'global-job',
};

export const listServices: Operation = {
  method: 'GET',
  path: '/services',
  params: { filters: filtersOf(...names), status: yes('flag'), insertDefaults: yes('flag') },
  async run(cloud, call) {
    await swarmOf(cloud, call);
    const { query } = call;
    const filters = Filters.parse(query.text('filters'), names);
    filters.oneOf('mode', [...new Set(Object.values(modeNames))]);
    const options = { defaults: query.flag('insertDefaults'), status: query.flag('status') };
    const chosen = (await cloud.workloads.list(call.caller)).filter((workload) => matches(workload, filters));
    const networks = await cloud.networks.list(call.caller);
    call.json(
      200,
      chosen.map((workload) => serviceOf(workload, networks, options)),
    );
  },
};

function matches(workload: Workload, filters: Filters): boolean {
  const { meta, spec } = workload;
  return (
    filters.some('id', (id) => swarmId(workload).startsWith(id)) &&
    filters.some('name', (name) => meta.name.startsWith(name)) &&
    filters.exact('mode', modeNames[spec.mode.type]) &&
    filters.exact('runtime', 'container') &&
    filters.labels(meta.labels)
  );
}
