import { isAbsolute, posix } from 'node:path';
import { KraudError, newId, type Random } from '@kraud/base';
import type { Mount } from '@kraud/macro';
import type { Caller, MountDraft } from '../contract.ts';
import { type BoundPath, boundPath } from '../volumes/bound.ts';
import { memoryOptions } from '../volumes/memory.ts';

/** A volume that must exist before the pod may: named in the draft, or made for this pod alone. */
export interface WantedVolume {
  name: string;
  anonymous: boolean;
  driver: string;
  options: Record<string, string>;
  labels: Record<string, string>;
}

/** Docker's rule for names of volumes, and its words. */
export function checkVolumeName(name: string): void {
  if (name.length === 1) {
    throw new KraudError(
      'invalid',
      `create ${name}: volume name is too short, names should be at least two alphanumeric characters`,
    );
  }
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name) || name.length > 255) {
    throw new KraudError(
      'invalid',
      `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    );
  }
}

function cleanTarget(target: string): string {
  if (!isAbsolute(target)) {
    throw new KraudError('invalid', `invalid mount path: '${target}' mount path must be absolute`);
  }
  const clean = posix.normalize(target).replace(/(.)\/+$/, '$1');
  if (clean === '/') {
    throw new KraudError('invalid', `invalid mount config: destination can't be '/'`);
  }
  return clean;
}

/** Of a volume that is there already. */
export type OptionsOf = (volume: string) => Readonly<Record<string, string>> | undefined;

function refuseHostPath(caller: Caller, path: string): void {
  if (caller.local) return;
  throw new KraudError(
    'forbidden',
    `host path ${path} can't be mounted: only who owns the local socket shares host paths; use a volume`,
  );
}

function refuseSubpath({ volume, subpath }: { volume: string; subpath?: string }, because: string): void {
  if (subpath)
    throw new KraudError('unsupported', `volume ${volume} ${because}: its subpath is not supported`);
}

/**
 * The mounts of a container: the draft's, then one anonymous volume for each of the image's `VOLUME`s that none of
 * them covers. A volume that stands for a host path is mounted as that, one that is
 * memory as a tmpfs. Host paths are only for the tenant that owns the local socket. Deeper targets come later, so that
 * nothing is hidden.
 */
export function resolveMounts(
  drafts: readonly MountDraft[],
  imageVolumes: readonly string[],
  caller: Caller,
  {
    random,
    templated = false,
    optionsOf = () => undefined,
  }: { random: Random; templated?: boolean; optionsOf?: OptionsOf },
): { mounts: Mount[]; volumes: WantedVolume[] } {
  const mounts: Mount[] = [];
  const volumes: WantedVolume[] = [];
  const taken = new Set<string>();

  const addVolume = (draft: Extract<MountDraft, { type: 'volume' }>, target: string): void => {
    const anonymous = draft.volume === '';
    const name = anonymous ? newId(random) : draft.volume;
    // With placeholders it is no name yet: the pod that fills them in has one.
    if (!templated || !name.includes('{{')) checkVolumeName(name);
    if (!volumes.some((volume) => volume.name === name)) {
      volumes.push({
        name,
        anonymous,
        driver: draft.driver || 'local',
        options: draft.driverOptions ?? {},
        labels: { ...draft.labels, ...(anonymous ? { 'com.docker.volume.anonymous': '' } : {}) },
      });
    }
    const options = optionsOf(name) ?? draft.driverOptions ?? {};
    const memory = memoryOptions(options);
    if (memory !== undefined) {
      refuseSubpath(draft, 'is memory');
      if (anonymous) {
        throw new KraudError(
          'unsupported',
          'a volume of type=tmpfs needs a name; a mount of type tmpfs does not',
        );
      }
      const all = [memory, draft.readOnly ? 'ro' : ''].filter((word) => word !== '').join(',');
      mounts.push({ type: 'tmpfs', target, options: all, volume: name });
      return;
    }
    const bound = anonymous ? undefined : boundPath(options);
    if (bound) {
      addPath(draft, { ...bound, target, name });
      return;
    }
    mounts.push({
      type: 'volume',
      volume: name,
      target,
      readOnly: draft.readOnly,
      copyUp: draft.copyUp,
      ...(draft.subpath ? { subpath: draft.subpath } : {}),
      anonymous,
    });
  };

  const addPath = (
    draft: Extract<MountDraft, { type: 'volume' }>,
    { path, readOnly, target, name }: BoundPath & { target: string; name: string },
  ): void => {
    refuseHostPath(caller, path);
    refuseSubpath(draft, `is bound to ${path}`);
    const either = readOnly || draft.readOnly;
    mounts.push({ type: 'host', source: path, target, readOnly: either, volume: name });
  };

  for (const draft of drafts) {
    const target = cleanTarget(draft.target);
    if (taken.has(target)) throw new KraudError('invalid', `Duplicate mount point: ${target}`);
    taken.add(target);
    if (draft.type === 'volume') {
      addVolume(draft, target);
      continue;
    }
    if (draft.type === 'host' || draft.type === 'socket') refuseHostPath(caller, draft.source);
    mounts.push({ ...draft, target });
  }
  for (const path of imageVolumes) {
    const target = cleanTarget(path);
    if (taken.has(target)) continue;
    taken.add(target);
    addVolume({ type: 'volume', volume: '', target, readOnly: false, copyUp: true }, target);
  }
  mounts.sort((a, b) => a.target.split('/').length - b.target.split('/').length);
  return { mounts, volumes };
}
