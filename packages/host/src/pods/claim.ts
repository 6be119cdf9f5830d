import type { SizeClass, VmSpec } from '@kraud/cradle';
import type { RootfsFormat } from '@kraud/images';
import type { Pod } from '@kraud/macro';
import type { VolumeDisk, VolumeRole } from '@kraud/volumes';
import type { PodDisks } from '../guest/bodies.ts';
import type { HostParts, HostVm } from '../parts.ts';
import { leavePlaces } from './places.ts';
import type { PodFiles } from './pod-files.ts';
import { rootDisks } from './pod-images.ts';

export interface Claim {
  readonly vm: HostVm;
  readonly imageFormat: RootfsFormat;
  /** As what it has each of its volumes. */
  readonly roles: readonly VolumeRole[];
  /** When the cradle was asked, on the monotonic clock. */
  readonly askedAtMs: number;
}

export const sizeOf = ({ spec }: Pod, disks: PodDisks): SizeClass => ({
  vcpus: spec.vcpus,
  memoryMiB: spec.memoryMiB,
  hostPaths: disks.hostPaths.length > 0,
});

/** A VM with the pod's disks in it. The volumes are held from the call on, also when it fails. */
export async function claimVm(
  parts: HostParts,
  pod: Pod,
  files: PodFiles,
  disks: PodDisks,
  options: { readonly network: boolean; readonly signal: AbortSignal; readonly brief: boolean },
): Promise<Claim> {
  // What goes on after a failure could hold a volume that nobody gives back.
  const [rootfs, volumes] = await settled(
    rootDisks(parts, files, pod),
    attachVolumes(parts, pod, disks, options),
  );
  const spec: VmSpec = {
    id: pod.meta.uid,
    size: sizeOf(pod, disks),
    images: rootfs.map(({ path }) => path),
    writable: { path: files.writable, create: { sizeBytes: pod.spec.writableBytes } },
    volumes: volumes.map(({ path, role }) => (role === 'keeper' ? { path } : { path, share: 'elsewhere' })),
    hostPaths: disks.hostPaths,
    network: options.network,
    ...(pod.spec.cpus !== undefined ? { limits: { cpus: pod.spec.cpus } } : {}),
  };
  options.signal.throwIfAborted();
  const askedAtMs = parts.clock.monotonic();
  const vm = await parts.cradle.claim(spec, options.signal);
  const roles = volumes.map(({ role }) => role);
  return { vm, imageFormat: rootfs[0]?.format ?? 'erofs', roles, askedAtMs };
}

/**
 * The pod holds its volumes from now on. One that is to run would rather keep a volume than share it with a toolbox that
 * is soon gone: it waits for its end, and meanwhile holds nothing that the toolbox may wait for.
 */
async function attachVolumes(
  parts: HostParts,
  { meta: { tenant, uid } }: Pod,
  disks: PodDisks,
  { signal, brief }: { readonly signal: AbortSignal; readonly brief: boolean },
): Promise<VolumeDisk[]> {
  const keys = disks.volumes.map(({ name }) => ({ tenant, name }));
  for (;;) {
    await Promise.all(keys.map((key) => parts.placeVolume(key)));
    const attached = await settled(...keys.map((key) => parts.volumes.attach(key, uid)));
    const keepers = keys.map(
      (key) => parts.volumes.holders(key).find(({ role }) => role === 'keeper')?.podId,
    );
    const over = keepers.map((keeper) => (keeper === uid ? undefined : parts.toolboxes.over(keeper ?? '')));
    await Promise.all(keepers.map((keeper) => keeper !== undefined && keeper !== uid && parts.awake(keeper)));
    if (brief) return attached;
    if (over.every((promise) => promise === undefined)) return attached;
    await releaseVolumes(parts, uid);
    await Promise.all(over);
    signal.throwIfAborted();
  }
}

/** Ends a VM that is of no use. What is in its volumes, also from those that share them, is written before. */
export async function discardVm(vm: HostVm): Promise<void> {
  await (vm.spec.volumes.length > 0 ? vm.stop() : vm.kill());
}

/** All values, or the first fault: either way once all is over. */
async function settled<const T extends readonly Promise<unknown>[]>(
  ...work: T
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work);
  return await Promise.all(work);
}

/** Everything that a pod holds beside its VM, which is gone: others may have its disks. Safe to repeat. */
export async function releaseHolds(parts: HostParts, uid: string): Promise<void> {
  await Promise.all([leavePlaces(parts, uid), releaseVolumes(parts, uid)]);
  parts.toolboxes.end(uid);
}

async function releaseVolumes(parts: HostParts, uid: string): Promise<void> {
  await parts.volumes.detachAll(uid);
  parts.shares.left();
}

/** Why nothing runs of a pod that the store has as running: what the fence has ended was lost for that reason. */
export function lossOf<T extends string>({ liveness }: HostParts, because: T): T | 'fenced' {
  return because === 'lost' && liveness.firedSince(Number.NEGATIVE_INFINITY) ? 'fenced' : because;
}
