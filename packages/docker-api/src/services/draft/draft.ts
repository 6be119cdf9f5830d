import { KraudError } from '@kraud/base';
import type { WorkloadDraft } from '@kraud/cloud';
import { draftOf } from '../../containers/draft/draft.ts';
import type { HostSource } from '../../containers/draft/mounts.ts';
import type { AttachmentBody, ServiceBody } from '../body.ts';
import { containerBodyOf } from './container.ts';
import { filesOf } from './files.ts';
import { modeOf } from './mode.ts';
import { placementOf, placementWarnings } from './placement.ts';
import { restartOf, rollbackOf, updateOf } from './policy.ts';
import { endpointOf, portsOf } from './ports.ts';

export interface DraftContext {
  readonly sockets: readonly string[];
  /** Name of the host that Docker's clients know by this node id. */
  readonly hostOfNode: (id: string) => string | undefined;
  /** A network by its name or id; throws if there is none. */
  readonly network: (ref: string) => { name: string; id: string };
  readonly hasFile: (source: 'Secret' | 'Config', id: string, name: string) => boolean;
  /** Ended tasks that each slot keeps. */
  readonly endedKept: number;
}

/** A service's body in the cloud's words. Only translates, as `create` of containers does. */
export function serviceDraftOf(
  body: ServiceBody,
  context: DraftContext,
): { draft: WorkloadDraft; hostSources: HostSource[]; warnings: string[] } {
  const task = body.TaskTemplate ?? {};
  const spec = task.ContainerSpec;
  if (!spec) throw new KraudError('invalid', 'TaskSpec: missing runtime');
  if (!spec.Image) throw new KraudError('invalid', 'ContainerSpec: image reference must be provided');
  const name = body.Name ?? '';
  const attachments = task.Networks?.length ? task.Networks : (body.Networks ?? []);
  const networks = attachments.map((item) => ({ ...item, Target: context.network(item.Target ?? '').name }));
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
    given: { docker: withNetworkIds(body, context) },
    mode,
    pod: {
      ...rest,
      container: { ...pod.container, mounts: [...(pod.container.mounts ?? []), ...filesOf(spec, context)] },
      ports: portsOf(body.EndpointSpec),
      placement: placementOf(task, context.hostOfNode),
    },
    endpoint: endpointOf(body.EndpointSpec),
    templated: true,
    update: updateOf(body.UpdateConfig),
    rollback: rollbackOf(body.RollbackConfig),
    restart: restartOf(task.RestartPolicy, isJob),
    force: task.ForceUpdate ?? 0,
    endedKept: context.endedKept,
  };
  return { draft, hostSources, warnings: placementWarnings(task.Placement ?? {}) };
}

/** Clients name networks by either, and look for ids in what they read back. */
function withNetworkIds(body: ServiceBody, { network }: DraftContext): ServiceBody {
  const named = (item: AttachmentBody): AttachmentBody => ({
    ...item,
    Target: network(item.Target ?? '').id,
  });
  const { Networks: old, TaskTemplate: task } = body;
  return {
    ...body,
    ...(old ? { Networks: old.map(named) } : {}),
    ...(task?.Networks ? { TaskTemplate: { ...task, Networks: task.Networks.map(named) } } : {}),
  };
}
