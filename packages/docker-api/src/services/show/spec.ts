import type { SlotRestart, UpdatePolicy, Workload } from '@kraud/cloud';
import type { ModeBody, ServiceBody, TaskBody, UpdateBody } from '../body.ts';

const nsPerMs = 1e6;

/** The body that a docker client gave; undefined when another facade made the workload. */
export function givenService(given: Workload['given']): ServiceBody | undefined {
  const { docker } = given;
  return typeof docker === 'object' && docker !== null ? (docker as ServiceBody) : undefined;
}

/** `Spec` of a service: as it was given, with what clients count on filled in. */
export function specOf(
  {
    meta,
    spec,
    given,
  }: Pick<Workload, 'spec' | 'given'> & { meta: Pick<Workload['meta'], 'name' | 'labels'> },
  withDefaults: boolean,
): ServiceBody & { Labels: Record<string, string>; TaskTemplate: TaskBody } {
  const body = givenService(given) ?? derived(spec);
  const isJob = spec.mode.type === 'job' || spec.mode.type === 'global-job';
  const task: TaskBody = {
    ...body.TaskTemplate,
    ForceUpdate: spec.force,
    Runtime: 'container',
    ...(withDefaults ? { RestartPolicy: restartShown(spec.restart) } : {}),
  };
  return {
    ...body,
    Name: meta.name,
    Labels: meta.labels,
    TaskTemplate: task,
    Mode: modeShown(spec.mode),
    ...(withDefaults && !isJob
      ? { UpdateConfig: policyShown(spec.update), RollbackConfig: policyShown(spec.rollback) }
      : {}),
    EndpointSpec: { ...body.EndpointSpec, Mode: body.EndpointSpec?.Mode || 'vip' },
  };
}

function modeShown(mode: Workload['spec']['mode']): ModeBody {
  switch (mode.type) {
    case 'global':
      return { Global: {} };
    case 'global-job':
      return { GlobalJob: {} };
    case 'job':
    case 'cron':
      return { ReplicatedJob: { MaxConcurrent: mode.parallelism, TotalCompletions: mode.completions } };
    default:
      return { Replicated: { Replicas: mode.replicas } };
  }
}

function policyShown(policy: UpdatePolicy): UpdateBody {
  return {
    Parallelism: policy.parallelism,
    Delay: policy.delayMs * nsPerMs,
    FailureAction: policy.onFailure,
    Monitor: policy.monitorMs * nsPerMs,
    MaxFailureRatio: policy.maxFailureRatio,
    Order: policy.order,
  };
}

function restartShown(restart: SlotRestart): NonNullable<TaskBody['RestartPolicy']> {
  return {
    Condition: restart.condition,
    Delay: restart.delayMs * nsPerMs,
    MaxAttempts: restart.attemptsMax,
    Window: restart.windowMs * nsPerMs,
  };
}

/** What Docker's words can say of a workload that it didn't make. */
function derived({ template, force }: Workload['spec']): ServiceBody {
  const [main] = template.spec.containers;
  return {
    TaskTemplate: {
      ContainerSpec: {
        Image: main?.image.name ?? '',
        Labels: template.labels,
        Args: main?.args ?? [],
        Env: main?.env ?? [],
      },
      ForceUpdate: force,
    },
  };
}
