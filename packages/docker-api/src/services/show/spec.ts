import type { SlotRestart, UpdatePolicy, Workload } from '@kraud/cloud';
import type { EndpointSpecBody, ModeBody, ServiceBody, TaskBody, UpdateBody } from '../body.ts';

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
    ...(withDefaults || body.TaskTemplate?.RestartPolicy
      ? { RestartPolicy: restartShown(spec.restart, body.TaskTemplate?.RestartPolicy, withDefaults) }
      : {}),
  };
  const policies = (['UpdateConfig', 'RollbackConfig'] as const).flatMap((name) => {
    if (!body[name] && (isJob || !withDefaults)) return [];
    const policy = name === 'UpdateConfig' ? spec.update : spec.rollback;
    return [[name, policyShown(policy, body[name], withDefaults)]];
  });
  return {
    ...body,
    Name: meta.name,
    Labels: meta.labels,
    TaskTemplate: task,
    Mode: modeShown(spec.mode),
    ...Object.fromEntries(policies),
    ...(body.EndpointSpec ? { EndpointSpec: endpointShown(body.EndpointSpec) } : {}),
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

/** As given, with what dockerd always says; durations that weren't given only when all defaults are asked for. */
function policyShown(policy: UpdatePolicy, given: UpdateBody | undefined, withDefaults: boolean): UpdateBody {
  return {
    Parallelism: policy.parallelism,
    FailureAction: policy.onFailure,
    MaxFailureRatio: policy.maxFailureRatio,
    Order: policy.order,
    ...(withDefaults ? { Delay: policy.delayMs * nsPerMs, Monitor: policy.monitorMs * nsPerMs } : {}),
    ...notEmpty(given),
  };
}

function restartShown(
  restart: SlotRestart,
  given: TaskBody['RestartPolicy'],
  withDefaults: boolean,
): NonNullable<TaskBody['RestartPolicy']> {
  return {
    Condition: restart.condition,
    MaxAttempts: restart.attemptsMax,
    ...(withDefaults ? { Delay: restart.delayMs * nsPerMs, Window: restart.windowMs * nsPerMs } : {}),
    ...notEmpty(given),
  };
}

function endpointShown({ Mode: mode, Ports: ports, ...rest }: EndpointSpecBody): EndpointSpecBody {
  return {
    ...rest,
    Mode: mode || 'vip',
    ...(ports
      ? { Ports: ports.map((port) => ({ Protocol: 'tcp', PublishMode: 'ingress', ...notEmpty(port) })) }
      : {}),
  };
}

/** Without empty texts, which stand for a default. */
function notEmpty<T extends object>(given: T | undefined): Partial<T> {
  return Object.fromEntries(Object.entries(given ?? {}).filter(([, value]) => value !== '')) as Partial<T>;
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
