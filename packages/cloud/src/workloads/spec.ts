import type { ImageFacts } from '@kraud/host';
import { type PodTemplate, type Workload, type WorkloadSpec, workloadLabels } from '@kraud/macro';
import { admit } from '../admission/admit.ts';
import type { WantedVolume } from '../admission/mounts.ts';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import type { WorkloadDraft } from './contract.ts';
import { settlePorts } from './ports.ts';

const revisionsKeptDefault = 10;
const endedKeptDefault = 5;

export interface AdmittedWorkload {
  spec: WorkloadSpec;
  /** Named in the template; anonymous ones are each pod's own. */
  volumes: WantedVolume[];
  warnings: string[];
}

/** What is wanted of a workload, checked and decided once. Nothing is made here. */
export function admitWorkload(
  parts: Pick<CloudParts, 'limits' | 'random'>,
  caller: Caller,
  draft: WorkloadDraft,
  image: ImageFacts,
  context: { uid: string; others: readonly Workload[]; present: Workload | undefined },
): AdmittedWorkload {
  const { uid, others, present } = context;
  const admitted = admit(
    { ...draft.pod, name: '', restart: { name: 'no', retriesMax: 0 }, autoRemove: false },
    image,
    { caller, uid, limits: parts.limits, random: parts.random },
  );
  const { run: _, host: __, restart: ___, autoRemove: ____, ...pod } = admitted.spec;
  const template: PodTemplate = {
    labels: { ...image.config.labels, ...draft.pod.labels },
    annotations: draft.pod.annotations,
    templated: draft.templated,
    spec: {
      ...pod,
      hostname: draft.pod.hostname,
      ports: settlePorts(pod.ports, others, present?.spec.template.spec.ports ?? []),
      ...placementOf(draft, uid),
    },
    given: draft.pod.given,
  };
  const spec: WorkloadSpec = {
    mode: draft.mode,
    template,
    update: draft.update,
    rollback: draft.rollback,
    restart: draft.restart,
    revisionsKept: draft.revisionsKept ?? revisionsKeptDefault,
    endedKept: draft.endedKept ?? endedKeptDefault,
    force: draft.force,
    jobIteration: iterationOf(draft, present),
    rollsBack: false,
  };
  return {
    spec,
    volumes: admitted.volumes.filter(({ anonymous }) => !anonymous),
    warnings: admitted.warnings,
  };
}

/** A spread without labels is among the workload's own pods. */
function placementOf(draft: WorkloadDraft, uid: string): Pick<PodTemplate['spec'], 'placement'> {
  const { placement } = draft.pod;
  if (!placement) return {};
  const own = { [workloadLabels.owner]: uid };
  const spread = placement.spread.map((item) => ({
    ...item,
    labels: Object.keys(item.labels).length === 0 ? own : item.labels,
  }));
  return { placement: { ...placement, spread } };
}

/** Every update of a job runs it anew, as with Swarm. */
function iterationOf(draft: WorkloadDraft, present: Workload | undefined): number {
  if (!present) return 0;
  const isJob = draft.mode.type === 'job' || draft.mode.type === 'global-job';
  return present.spec.jobIteration + (isJob ? 1 : 0);
}
