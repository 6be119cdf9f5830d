import { mainOf } from '../containers/show/given.ts';
import type { TaskBody } from '../services/body.ts';
import { specOf } from '../services/show/spec.ts';
import { swarmId } from '../swarm/ids.ts';
import { type TaskView, taskLabels } from './view.ts';

/** A task as Docker's API shows it. */
export function taskOf(task: TaskView): Record<string, unknown> {
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
