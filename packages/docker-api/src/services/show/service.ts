import {
  changedAtOf,
  type Network,
  previousOf,
  versionOf,
  virtualAddressesOf,
  type Workload,
} from '@kraud/cloud';
import { swarmId } from '../../swarm/ids.ts';
import type { PortBody } from '../body.ts';
import { specOf } from './spec.ts';
import { updateStatusOf } from './update-status.ts';

/** A service as Docker's API shows it; `networks` are its tenant's. */
export function serviceOf(
  workload: Workload,
  networks: readonly Network[],
  options: { defaults?: boolean; status?: boolean } = {},
): Record<string, unknown> {
  const { meta } = workload;
  const withDefaults = options.defaults ?? false;
  const spec = specOf(workload, withDefaults);
  const previous = previousOf(workload);
  const update = updateStatusOf(workload);
  const isJob = spec.Mode?.ReplicatedJob !== undefined || spec.Mode?.GlobalJob !== undefined;
  return {
    ID: swarmId(workload),
    Version: { Index: versionOf(workload) },
    CreatedAt: meta.createdAt,
    UpdatedAt: updatedAtOf(workload),
    Spec: spec,
    ...(previous
      ? { PreviousSpec: specOf({ ...previous, meta: { ...meta, labels: previous.labels } }, withDefaults) }
      : {}),
    Endpoint: endpointOf(workload, networks, spec.EndpointSpec),
    ...(update ? { UpdateStatus: update } : {}),
    ...(options.status ? { ServiceStatus: countsOf(workload) } : {}),
    ...(isJob ? { JobStatus: jobStatusOf(workload) } : {}),
  };
}

/** Changes by users, and an update that began by itself. */
function updatedAtOf(workload: Workload): string {
  const [asked, begun = ''] = [changedAtOf(workload), workload.status.update?.startedAt];
  return begun > asked ? begun : asked;
}

/** Every change of a job is another run of it. */
const jobStatusOf = (workload: Workload): Record<string, unknown> => ({
  JobIteration: { Index: workload.spec.jobIteration },
  LastExecution: changedAtOf(workload),
});

/** What a job has completed isn't desired any more; clients add the two up. */
function countsOf({ spec, status }: Workload): Record<string, number> {
  const { mode } = spec;
  const left = Math.max(0, status.desired - status.succeeded);
  const desired =
    mode.type === 'global-job'
      ? left
      : mode.type === 'job'
        ? Math.min(mode.parallelism, left)
        : status.desired;
  return {
    RunningTasks: status.running,
    DesiredTasks: desired,
    CompletedTasks: status.succeeded,
  };
}

function endpointOf(
  workload: Workload,
  networks: readonly Network[],
  given: { Mode?: string; Ports?: PortBody[] } = {},
): Record<string, unknown> {
  const ports = workload.spec.template.spec.ports.map((port, i) => ({
    ...(given.Ports?.[i]?.Name ? { Name: given.Ports[i].Name } : {}),
    Protocol: port.protocol,
    TargetPort: port.podPort,
    ...(port.hostPort === 0 ? {} : { PublishedPort: port.hostPort }),
    PublishMode: port.mode ?? 'host',
  }));
  const addresses = virtualAddressesOf(workload, networks).map(({ network, ipv4, prefix }) => ({
    NetworkID: network.meta.uid,
    Addr: `${ipv4}/${prefix}`,
  }));
  return {
    Spec: given,
    ...(ports.length > 0 ? { Ports: ports } : {}),
    ...(addresses.length > 0 ? { VirtualIPs: addresses } : {}),
  };
}
