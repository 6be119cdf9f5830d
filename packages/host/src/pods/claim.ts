import { codeOf } from '@kraud/base';
import type { SizeClass, VmSpec } from '@kraud/cradle';
import type { RootfsFormat } from '@kraud/images';
import type { Pod } from '@kraud/macro';
import type { VolumeDisk } from '@kraud/volumes';
import type { PodDisks } from '../guest/bodies.ts';
import type { HostParts, HostVm } from '../parts.ts';
import type { PodFiles } from './pod-files.ts';
import { rootDisks } from './pod-images.ts';

export interface Claim {
  readonly vm: HostVm;
  readonly imageFormat: RootfsFormat;
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
  options: { readonly network: boolean; readonly signal: AbortSignal },
): Promise<Claim> {
  const [rootfs, volumes] = await Promise.all([
    rootDisks(parts, files, pod),
    Promise.all(disks.volumes.map((volume) => attachVolume(parts, pod, volume, options.signal))),
  ]);
  const spec: VmSpec = {
    id: pod.meta.uid,
    size: sizeOf(pod, disks),
    images: rootfs.map(({ path }) => path),
    writable: { path: files.writable, create: { sizeBytes: pod.spec.writableBytes } },
    volumes: volumes.map(({ path, readOnly }) => ({ path, readOnly })),
    hostPaths: disks.hostPaths,
    network: options.network,
    ...(pod.spec.cpus !== undefined ? { limits: { cpus: pod.spec.cpus } } : {}),
  };
  options.signal.throwIfAborted();
  const askedAtMs = parts.clock.monotonic();
  const vm = await parts.cradle.claim(spec, options.signal);
  return { vm, imageFormat: rootfs[0]?.format ?? 'erofs', askedAtMs };
}

/** The pod has the volume from now on. Without a signal it doesn't wait for a toolbox that has it. */
export async function attachVolume(
  parts: HostParts,
  { meta }: Pod,
  { name, readOnly }: PodDisks['volumes'][number],
  signal?: AbortSignal,
): Promise<VolumeDisk> {
  const { tenant, uid } = meta;
  for (;;) {
    await parts.placeVolume({ tenant, name });
    try {
      return await parts.volumes.attach({ tenant, name }, { podId: uid, readOnly });
    } catch (error) {
      const over = codeOf(error) === 'conflict' && signal ? parts.toolboxes.over(tenant, name) : undefined;
      if (!over) throw error;
      await over;
      signal?.throwIfAborted();
    }
  }
}

/** Everything that a pod holds beside its VM. Safe to repeat. */
export async function releaseHolds(parts: HostParts, uid: string): Promise<void> {
  await Promise.all([parts.network.detach(uid), parts.volumes.detachAll(uid)]);
  parts.toolboxes.end(uid);
}

/** Why nothing runs of a pod that the store has as running: what the fence has ended was lost for that reason. */
export function lossOf<T extends string>({ liveness }: HostParts, because: T): T | 'fenced' {
  return because === 'lost' && liveness.firedSince(Number.NEGATIVE_INFINITY) ? 'fenced' : because;
}
