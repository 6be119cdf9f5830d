import type { PodNetwork } from '@kraud/macro';
import type { HostParts } from '../parts.ts';
import type { PodOwner } from '../pods/owner.ts';
import { keepPlaces, networkStatus, rejoinPlaces } from '../pods/places.ts';
import type { Run } from '../pods/run.ts';
import { writeRecord } from '../pods/run-record.ts';

/** What the guest refuses is taken back. */
export function rejoin(parts: HostParts, owner: PodOwner, networks: readonly PodNetwork[]): Promise<void> {
  return owner.use((run) => rejoinRun(parts, owner, run, networks));
}

async function rejoinRun(
  parts: HostParts,
  owner: PodOwner,
  run: Run,
  networks: readonly PodNetwork[],
): Promise<void> {
  const { pod } = owner;
  const podOn = (wanted: readonly PodNetwork[]) => ({ ...pod, spec: { ...pod.spec, networks: [...wanted] } });
  const before = run.record.attachment?.places ?? [];
  const reservation = await rejoinPlaces(parts, podOn(networks));
  try {
    const { network, resolv, hosts } = reservation.guest;
    await run.guest.setNetwork({ network, resolv, hosts });
  } catch (error) {
    await parts.network.rejoin(owner.uid, before);
    await keepPlaces(parts, owner.uid, before);
    throw error;
  }
  await keepPlaces(parts, owner.uid, reservation.attachment.places);
  const { attachment } = reservation;
  run.record = { ...run.record, attachment, network: networkStatus(reservation) };
  writeRecord(owner.files.record, run.record);
  await owner.reportAgain();
}
