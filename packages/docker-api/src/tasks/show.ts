import type { Network } from '@kraud/cloud';
import { mainOf } from '../containers/show/given.ts';
import { networkDriver, networkName, networkScope } from '../networks/show.ts';
import type { TaskBody } from '../services/body.ts';
import { shownGeneric } from '../services/draft/generic.ts';
import { specOf } from '../services/show/spec.ts';
import { swarmId } from '../swarm/ids.ts';
import { type TaskView, taskLabels } from './view.ts';

/** A task as Docker's API shows it; `networks` are its tenant's. */
export function taskOf(task: TaskView, networks: readonly Network[]): Record<string, unknown> {
  const { pod, workload, host, status, slot } = task;
  const iteration = pod.meta.labels[taskLabels.iteration];
  return {
    ID: task.id,
    Version: { Index: pod.meta.revision ?? 1 },
    CreatedAt: pod.meta.createdAt,
    UpdatedAt: status.at,
    Labels: {},
    Spec: specOfTask(task),
    ServiceID: swarmId(workload),
    ...(slot === undefined ? {} : { Slot: slot }),
    ...(host ? { NodeID: swarmId(host) } : {}),
    Status: {
      Timestamp: status.at,
      State: status.state,
      Message: status.message,
      ...(status.error === '' ? {} : { Err: status.error }),
      ...containerOf(task),
      PortStatus: portsOf(task),
    },
    DesiredState: task.desired,
    ...genericGiven(task),
    ...attachmentsOf(task, networks),
    ...(iteration === undefined ? {} : { JobIteration: { Index: Number(iteration) } }),
  };
}

/** As its revision was given, whatever is wanted now. */
function specOfTask({ pod, workload }: TaskView): TaskBody {
  const { meta, status } = workload;
  const revision = status.revisions.find(({ hash }) => hash === pod.meta.labels[taskLabels.hash]);
  return specOf(revision ? { ...revision, meta } : workload, false).TaskTemplate;
}

function containerOf({ pod }: TaskView): Record<string, unknown> {
  if (pod.spec.host === undefined) return {};
  const { status } = mainOf(pod);
  return {
    ContainerStatus: {
      ContainerID: pod.meta.uid,
      PID: pod.status.vm?.pid ?? 0,
      ExitCode: status?.exitCode ?? 0,
    },
  };
}

/** What it has for itself, once it has a place. */
function genericGiven({ pod }: TaskView): Record<string, unknown> {
  const generic = pod.spec.placement?.generic ?? [];
  if (pod.spec.host === undefined || generic.length === 0) return {};
  return { GenericResources: shownGeneric(generic) };
}

/** Where proxies look for a task's addresses; none until it has them. */
function attachmentsOf({ pod }: TaskView, networks: readonly Network[]): Record<string, unknown> {
  const attachments = pod.spec.networks.flatMap(({ name, aliases }) => {
    const network = networks.find(({ meta }) => meta.name === name);
    if (!network) return [];
    const { meta, spec } = network;
    const up = pod.status.network?.addresses.find((each) => each.network === name);
    const Spec = {
      Name: networkName(network),
      Labels: meta.labels,
      DriverConfiguration: { Name: networkDriver(network) },
      ...(spec.internal ? { Internal: true } : {}),
      Scope: networkScope(network),
    };
    const times = { CreatedAt: meta.createdAt, UpdatedAt: meta.createdAt };
    return [
      {
        Network: { ID: meta.uid, Version: { Index: meta.revision ?? 1 }, ...times, Spec },
        Addresses: up ? [`${up.ipv4}/${up.prefix}`] : [],
        ...(aliases.length > 0 ? { Aliases: aliases } : {}),
      },
    ];
  });
  return attachments.length > 0 ? { NetworksAttachments: attachments } : {};
}

function portsOf({ pod }: TaskView): Record<string, unknown> {
  const ports = (pod.status.network?.ports ?? []).filter(({ mode }) => mode !== 'ingress');
  if (ports.length === 0) return {};
  return {
    Ports: ports.map((port) => ({
      Protocol: port.protocol,
      TargetPort: port.podPort,
      PublishedPort: port.hostPort,
      PublishMode: 'host',
    })),
  };
}
