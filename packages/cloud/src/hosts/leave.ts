import { KraudError } from '@kraud/base';
import { type Host, isAtRest, type Pod } from '@kraud/macro';
import type { CloudParts } from '../parts.ts';
import { updateHost } from './update.ts';

type Parts = Pick<CloudParts, 'hosts' | 'pods' | 'volumes' | 'limits' | 'place'>;

/**
 * This host out of its cloud: services' pods move away first, and what can't move is in the way. With `force` it goes
 * as if it had died. The cloud keeps its Host, as one that is away, until somebody removes it.
 */
export async function leaveCloud(
  parts: Parts,
  self: Host,
  options: { force: boolean },
  signal: AbortSignal | undefined,
): Promise<void> {
  const { place } = parts;
  const { name } = self.meta;
  if (place.settledBy !== undefined) {
    throw new KraudError(
      'conflict',
      `kraudd was started with ${place.settledBy}, which says where this host belongs: end it, and on another host: ` +
        `kra host rm ${name}`,
    );
  }
  if (options.force) return await place.leave(options);
  mustHoldNothing(parts, name);
  const { cordoned, drained = false } = self.spec;
  await updateHost(parts, self, { drained: true }, undefined);
  try {
    await emptied(parts, name, signal);
    await place.leave(options);
  } catch (error) {
    await updateHost(parts, self, { cordoned, drained }, undefined);
    throw error;
  }
}

function mustHoldNothing({ pods, volumes }: Parts, host: string): void {
  const stays = pods.everywhere().filter((pod) => pod.spec.host === host && !isOfWorkload(pod));
  const kept = volumes.everywhere().filter(({ status }) => status.host === host);
  const present = [
    ...stays.map(({ meta }) => `container ${meta.name}`),
    ...kept.map(({ meta }) => `volume ${meta.name}`),
  ];
  if (present.length === 0) return;
  throw new KraudError(
    'conflict',
    `this host holds what the cloud has nowhere else: ${present.join(', ')}. Remove it, or use --force to leave it behind`,
  );
}

/** Waits until nothing runs on the host any more. */
async function emptied({ pods }: Parts, host: string, signal: AbortSignal | undefined): Promise<void> {
  for (;;) {
    const pod = pods.everywhere().find((each) => each.spec.host === host && goes(each));
    if (!pod) return;
    const { tenant, uid } = pod.meta;
    await pods.follow(tenant, uid, (version) => (version && goes(version) ? undefined : true), signal);
  }
}

/** Runs here, or has something of it here that its removal waits for. */
const goes = ({ meta, status }: Pod): boolean => meta.deletedAt !== undefined || !isAtRest(status.phase);

const isOfWorkload = ({ meta }: Pod): boolean => meta.owner?.kind === 'Workload';
