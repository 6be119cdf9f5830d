import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { PathStat as GuestPathStat } from '@kraud/cradle';
import type { ImageId } from '@kraud/images';
import type { ArchivePutOptions, Change, CommitOptions, PathStat } from '../contract.ts';
import type { Guest } from '../guest/guest.ts';
import type { HostParts } from '../parts.ts';
import { layerBytes } from '../pods/disk-bytes.ts';
import type { PodOwner } from '../pods/owner.ts';
import { isoOf } from '../pods/times.ts';
import { configToImages } from './images.ts';

const kinds = ['modified', 'added', 'deleted'] as const;

async function withGuest<T>(owner: PodOwner, work: (guest: Guest) => Promise<T>): Promise<T> {
  const lease = await owner.lease();
  try {
    return await work(lease.guest);
  } finally {
    lease.release();
  }
}

/** A stream out of the guest; the lease is held until it has ended. */
async function streamed<T extends { tar: Readable }>(
  owner: PodOwner,
  open: (guest: Guest) => Promise<T>,
): Promise<T> {
  const lease = await owner.lease();
  try {
    const opened = await open(lease.guest);
    finished(opened.tar, { writable: false }).then(lease.release, lease.release);
    return opened;
  } catch (error) {
    lease.release();
    throw error;
  }
}

export function changes(owner: PodOwner, container: string): Promise<Change[]> {
  return withGuest(owner, async (guest) =>
    (await guest.changes(container)).map(({ path, kind }) => ({ path, kind: kinds[kind] })),
  );
}

function pathStat(stat: GuestPathStat): PathStat {
  return {
    name: stat.name,
    sizeBytes: stat.size,
    mode: stat.mode,
    mtime: isoOf(BigInt(stat.mtimeNs)),
    linkTarget: stat.linkTarget,
  };
}

export function archiveStat(owner: PodOwner, container: string, path: string): Promise<PathStat> {
  return withGuest(owner, async (guest) => pathStat(await guest.archiveStat(container, path)));
}

export async function archiveGet(
  owner: PodOwner,
  container: string,
  path: string,
  signal: AbortSignal,
): Promise<{ stat: PathStat; tar: Readable }> {
  const { stat, tar } = await streamed(owner, (guest) => guest.archiveGet(container, path, signal));
  return { stat: pathStat(stat), tar };
}

export function archivePut(
  owner: PodOwner,
  container: string,
  path: string,
  tar: Readable,
  options: ArchivePutOptions,
): Promise<void> {
  return withGuest(owner, (guest) => guest.archivePut(container, path, tar, options));
}

export async function exportRoot(owner: PodOwner, container: string, signal: AbortSignal): Promise<Readable> {
  const { tar } = await streamed(owner, async (guest) => ({
    tar: await guest.archiveTree(container, 'root', signal),
  }));
  return tar;
}

/** The writable layer as a new image. A running container is frozen meanwhile, if asked for. */
export async function commit(
  parts: HostParts,
  owner: PodOwner,
  container: string,
  options: CommitOptions,
): Promise<string> {
  const spec = owner.pod.spec.containers.find(({ name }) => name === container);
  const lease = await owner.lease();
  const { run } = owner;
  const freeze = options.pause && run !== undefined && !run.paused;
  const { guest } = lease;
  try {
    if (freeze) await guest.pause(container);
    if (spec) await parts.fetchImage(spec.image.id);
    const abort = new AbortController();
    const layer = await guest.archiveTree(container, 'upper', abort.signal);
    try {
      const image = await parts.images.commit(spec?.image.id as ImageId, layer, {
        author: options.author,
        message: options.message,
        changes: options.changes,
        createdBy: spec?.args.join(' ') ?? '',
        ...(options.config ? { config: configToImages(options.config) } : {}),
      });
      return image.id;
    } finally {
      abort.abort();
      layer.destroy();
    }
  } finally {
    if (freeze) await guest.resume(container).catch(() => {});
    lease.release();
  }
}

/** Bytes that the writable layer takes on the disk, beyond what its empty file system did. */
export async function size(
  parts: HostParts,
  owner: PodOwner,
  container: string,
): Promise<{ writableBytes: number; rootBytes: number }> {
  const spec = owner.pod.spec.containers.find(({ name }) => name === container);
  const image = spec ? await parts.images.find(spec.image.id as ImageId) : undefined;
  const writableBytes = layerBytes(owner.files);
  return { writableBytes, rootBytes: writableBytes + (image?.sizeBytes ?? 0) };
}
