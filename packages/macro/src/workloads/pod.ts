import { anywhere, type Placement, type Pod, type Workload, workloadLabels } from '../model/index.ts';
import { podName, podUid } from './names.ts';
import { fillTemplate } from './placeholders.ts';
import { restartsAnnotation } from './restart.ts';
import type { PodOrder } from './seen.ts';

const uidDigitsShown = 12;
/** The pod that an order asks for; `invalid` when its template can't be filled in. */
export function podFor(workload: Workload, order: PodOrder, nowMs: number): Pod {
  const { slot, attempt, revision, host, restarts } = order;
  const uid = podUid(workload.meta.uid, slot, attempt);
  const name = podName(workload, slot, uid, host);
  const { meta } = workload;
  const template = fillTemplate(revision.spec.template, { workload, uid, name, slot, host });
  return {
    kind: 'Pod',
    meta: {
      uid,
      tenant: meta.tenant,
      namespace: meta.namespace,
      name,
      labels: {
        ...template.labels,
        [workloadLabels.owner]: meta.uid,
        [workloadLabels.slot]: slot,
        [workloadLabels.attempt]: String(attempt),
        [workloadLabels.revision]: String(revision.number),
        [workloadLabels.hash]: revision.hash,
        [workloadLabels.iteration]: String(workload.spec.jobIteration),
      },
      annotations: {
        ...template.annotations,
        ...(restarts.length > 0 ? { [restartsAnnotation]: JSON.stringify(restarts) } : {}),
      },
      generation: 1,
      owner: { kind: 'Workload', uid: meta.uid, name: meta.name },
      finalizers: [],
      createdAt: new Date(nowMs).toISOString(),
    },
    spec: {
      ...template.spec,
      containers: template.spec.containers.map((container) => ({
        ...container,
        mounts: container.mounts.map((mount) =>
          mount.type === 'volume' && mount.anonymous
            ? { ...mount, volume: podUid(uid, mount.target, attempt) }
            : mount,
        ),
      })),
      networks: template.spec.networks.map((network) =>
        // Then they are the workload's, and its address answers to them.
        workload.spec.endpoint === undefined ? network : { ...network, aliases: [] },
      ),
      hostname: template.spec.hostname || uid.slice(0, uidDigitsShown),
      restart: { name: 'no', retriesMax: 0 },
      autoRemove: false,
      run: { wanted: 'running', serial: 1, stoppedByUser: false },
      placement: placementFor(workload, template.spec.placement ?? anywhere, host?.meta.name),
    },
    status: { phase: 'created', serial: 0, restartCount: 0, containers: [], message: '' },
    given: template.given,
  };
}

/** Labels that are left empty in `near`, `far` and `spread` mean the workload's own pods. */
function placementFor(workload: Workload, placement: Placement, host: string | undefined): Placement {
  const own = { [workloadLabels.owner]: workload.meta.uid };
  const owned = <T extends { labels: Record<string, string> }>(wish: T): T =>
    Object.keys(wish.labels).length === 0 ? { ...wish, labels: own } : wish;
  const here = host === undefined ? [] : [{ key: 'kr.host', op: 'in' as const, values: [host] }];
  return {
    ...placement,
    constraints: [...placement.constraints, ...here],
    near: placement.near.map(owned),
    far: placement.far.map(owned),
    spread: placement.spread.map(owned),
  };
}
