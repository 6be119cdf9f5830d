import { KraudError } from '@kraud/base';
import type { WorkloadDraft } from '@kraud/cloud';
import { draftOf } from '../../containers/draft/draft.ts';
import type { HostSource } from '../../containers/draft/mounts.ts';
import type { ServiceBody } from '../body.ts';
import { containerBodyOf } from './container.ts';
import { filesOf } from './files.ts';
import { modeOf } from './mode.ts';
import { placementOf } from './placement.ts';
import { restartOf, rollbackOf, updateOf } from './policy.ts';
import { portsOf } from './ports.ts';

export interface DraftContext {
  readonly sockets: readonly string[];
  /** Name of the host that Docker's clients know by this node id. */
  readonly hostOfNode: (id: string) => string | undefined;
  /** Name of a network from its name or id; throws if there is none. */
  readonly networkName: (ref: string) => string;
  /** Ended tasks that each slot keeps. */
  readonly endedKept: number;
}

/** A service's body in the cloud's words. Only translates, as `create` of containers does. */
export function serviceDraftOf(
  body: ServiceBody,
  context: DraftContext,
): { draft: WorkloadDraft; hostSources: HostSource[] } {
  const task = body.TaskTemplate ?? {};
  const spec = task.ContainerSpec;
  if (!spec) throw new KraudError('invalid', 'TaskSpec: missing runtime');
  if (!spec.Image) throw new KraudError('invalid', 'ContainerSpec: image reference must be provided');
  const name = body.Name ?? '';
  const attachments = task.Networks?.length ? task.Networks : (body.Networks ?? []);
  const networks = attachments.map((item) => ({ ...item, Target: context.networkName(item.Target ?? '') }));
  const container = containerBodyOf(task, networks, name);
  const { draft: pod, hostSources } = draftOf(container, { name: '', sockets: context.sockets });
  const mode = modeOf(body.Mode);
  const isJob = mode.type === 'job' || mode.type === 'global-job';
  if (isJob && body.UpdateConfig)
    throw new KraudError('invalid', 'job-mode services cannot have an update config');
  const { name: _, restart: __, autoRemove: ___, ...rest } = pod;
  const draft: WorkloadDraft = {
    name,
    labels: body.Labels ?? {},
    annotations: {},
    given: { docker: body },
    mode,
    pod: {
      ...rest,
      container: { ...pod.container, mounts: [...(pod.container.mounts ?? []), ...filesOf(spec)] },
      ports: portsOf(body.EndpointSpec),
      placement: placementOf(task, context.hostOfNode),
    },
    templated: true,
    update: updateOf(body.UpdateConfig),
    rollback: rollbackOf(body.RollbackConfig),
    restart: restartOf(task.RestartPolicy, isJob),
    force: task.ForceUpdate ?? 0,
    endedKept: context.endedKept,
  };
  return { draft, hostSources };
}
