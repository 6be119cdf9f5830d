import { KraudError } from '@kraud/base';
import { defaultNamespace, type PodTemplate, type Workload, type WorkloadSpec } from '@kraud/macro';
import { admit } from '../admission/admit.ts';
import type { WantedVolume } from '../admission/mounts.ts';
import type { Caller } from '../contract.ts';
import { networksOf } from '../networks/of-pod.ts';
import type { CloudParts } from '../parts.ts';
import { optionsOfVolumes } from '../volumes/bound.ts';
import { checkAddressLeft } from './addresses.ts';
import type { WorkloadDraft } from './contract.ts';
import type { Resolved } from './image.ts';
import { checkPlaceholders, hasPlaceholder } from './placeholders.ts';
import { settlePorts } from './ports.ts';

const revisionsKeptDefault = 10;
const endedKeptDefault = 5;

export interface AdmittedWorkload {
  spec: WorkloadSpec;
  /** Named in the template. Anonymous ones, and those with placeholders in their names, are each pod's own. */
  volumes: WantedVolume[];
  warnings: string[];
}

/** What is wanted of a workload, checked and decided once. Nothing is made here. */
export function admitWorkload(
  parts: Pick<CloudParts, 'limits' | 'random' | 'networks' | 'pods' | 'volumes' | 'secrets' | 'configs'>,
  caller: Caller,
  draft: WorkloadDraft,
  { facts, missing }: Resolved,
  context: { uid: string; others: readonly Workload[]; present: Workload | undefined },
): AdmittedWorkload {
  const { uid, others, present } = context;
  const optionsOf = optionsOfVolumes(parts, caller);
  if (draft.templated) checkPlaceholders(draft);
  checkFiles(parts, caller, draft);
  const admitted = admit(
    { ...draft.pod, name: '', restart: { name: 'no', retriesMax: 0 }, autoRemove: false },
    facts,
    {
      ...{ caller, uid, limits: parts.limits, random: parts.random, templated: draft.templated },
      networks: networksOf(parts, caller, draft.pod.networks),
      optionsOf: (name) => (hasPlaceholder(name) ? undefined : optionsOf(name)),
    },
  );
  const { run: _, host: __, restart: ___, autoRemove: ____, ...pod } = admitted.spec;
  const template: PodTemplate = {
    labels: { ...facts.config.labels, ...draft.pod.labels },
    annotations: draft.pod.annotations,
    templated: draft.templated,
    spec: {
      ...pod,
      hostname: draft.pod.hostname,
      ports: settlePorts(pod.ports, others, present?.spec.template.spec.ports ?? []),
    },
    given: draft.pod.given,
    ...(missing === undefined ? {} : { asked: draft }),
  };
  if (draft.endpoint === 'virtual') checkAddressLeft(parts, caller, uid, pod.networks);
  const spec: WorkloadSpec = {
    mode: draft.mode,
    ...(draft.endpoint === undefined ? {} : { endpoint: draft.endpoint }),
    template,
    update: draft.update,
    rollback: draft.rollback,
    restart: draft.restart,
    revisionsKept: draft.revisionsKept ?? revisionsKeptDefault,
    endedKept: draft.endedKept ?? endedKeptDefault,
    force: draft.force,
    jobIteration: iterationAfter(present),
    rollsBack: false,
  };
  return {
    spec,
    volumes: admitted.volumes.filter(({ anonymous, name }) => !anonymous && !hasPlaceholder(name)),
    warnings: [...(missing === undefined ? [] : [imageWarning(draft, missing)]), ...admitted.warnings],
  };
}

function imageWarning({ pod }: WorkloadDraft, why: string): string {
  const { image } = pod.container;
  return `image ${image} is not here, and ${why}. Tasks are rejected until it can be had`;
}

/** Secrets and configs don't come later, unlike volumes: nobody could say what is in them. */
function checkFiles(
  parts: Pick<CloudParts, 'secrets' | 'configs'>,
  { tenant }: Caller,
  { pod }: WorkloadDraft,
): void {
  for (const mount of pod.container.mounts ?? []) {
    if (mount.type !== 'file') continue;
    const table = mount.source === 'Secret' ? parts.secrets : parts.configs;
    if (table.get({ tenant, namespace: defaultNamespace, name: mount.name })) continue;
    throw new KraudError('invalid', `${mount.source.toLowerCase()} ${mount.name} not found`);
  }
}

/** Every update of a job runs it anew, as with Swarm. */
export function iterationAfter(present: Workload | undefined): number {
  if (!present) return 0;
  const { mode, jobIteration } = present.spec;
  return jobIteration + (mode.type === 'job' || mode.type === 'global-job' ? 1 : 0);
}
