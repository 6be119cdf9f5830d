import { codeOf, KraudError, newId } from '@kraud/base';
import { defaultNamespace, type Pod } from '@kraud/macro';
import { admit } from '../admission/admit.ts';
import { checkPodName, randomName } from '../admission/names.ts';
import { onOwnHost } from '../admission/own-host.ts';
import type { Caller, PodDraft } from '../contract.ts';
import { refuseMissingFiles } from '../files/missing.ts';
import type { ImageFinder } from '../images/find.ts';
import { networksOf } from '../networks/of-pod.ts';
import type { CloudParts } from '../parts.ts';
import { admitToQuota } from '../quotas/admit.ts';
import { optionsOfVolumes } from '../volumes/bound.ts';
import { ensureVolume } from '../volumes/ensure.ts';
import { withVolumesFrom } from './volumes-from.ts';

const nameAttemptsMax = 20;

/**
 * Makes a pod that nothing runs yet. Everything is checked first; volumes that it names are made if they are
 * missing, and its anonymous ones belong to it.
 */
export async function createPod(
  parts: CloudParts,
  images: ImageFinder,
  caller: Caller,
  draft: PodDraft,
): Promise<{ pod: Pod; warnings: string[]; madeVolumes: string[] }> {
  const given = draft.name === '' ? undefined : checkPodName(draft.name);
  const uid = newId(parts.random);
  const image = await images.find(caller, draft.container.image);
  const facts = await images.facts(image.spec.id);
  const networks = networksOf(parts, caller, draft.networks, { mayCome: true });
  const mounts = withVolumesFrom(parts, caller, draft);
  const whole = { ...draft, container: { ...draft.container, mounts } };
  const { spec, volumes, warnings } = admit(whole, facts, {
    caller,
    uid,
    limits: parts.limits,
    random: parts.random,
    networks,
    optionsOf: optionsOfVolumes(parts, caller),
  });
  refuseMissingFiles(parts, caller, spec);
  admitToQuota(parts, caller, spec);
  if (given !== undefined) refuseTaken(parts, caller, given);

  const owner = { kind: 'Pod', uid, name: given ?? '' };
  const madeVolumes: string[] = [];
  for (const volume of volumes) {
    const { made } = await ensureVolume(parts, caller, volume, volume.anonymous ? owner : undefined);
    if (made) madeVolumes.push(volume.name);
  }

  for (let attempt = 0; ; attempt += 1) {
    const name = given ?? randomName(parts.random, attempt);
    const pod: Pod = {
      kind: 'Pod',
      meta: {
        uid,
        tenant: caller.tenant,
        namespace: defaultNamespace,
        name,
        labels: { ...facts.config.labels, ...draft.labels },
        annotations: draft.annotations,
        generation: 1,
        finalizers: ['host'],
        createdAt: new Date(parts.clock.now()).toISOString(),
      },
      spec: onOwnHost(parts, spec),
      status: { phase: 'created', serial: 0, restartCount: 0, containers: [], message: '' },
      given: draft.given,
    };
    try {
      return { pod: await parts.pods.create(pod), warnings, madeVolumes };
    } catch (error) {
      if (codeOf(error) !== 'exists') throw error;
      if (given !== undefined) refuseTaken(parts, caller, given);
      if (given !== undefined || attempt >= nameAttemptsMax) throw error;
    }
  }
}

/** Docker's words for a name that is in use; nothing when it is free. */
export function refuseTaken(parts: Pick<CloudParts, 'pods'>, caller: Caller, name: string): void {
  const holder = parts.pods.get({ tenant: caller.tenant, namespace: defaultNamespace, name });
  if (!holder) return;
  throw new KraudError(
    'exists',
    `Conflict. The container name "/${name}" is already in use by container "${holder.meta.uid}". You have to remove (or rename) that container to be able to reuse that name.`,
  );
}
