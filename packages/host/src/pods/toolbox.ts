import { mkdirSync } from 'node:fs';
import { codeOf } from '@kraud/base';
import type { Pod } from '@kraud/macro';
import { containerBody, disksOf, podBody } from '../guest/bodies.ts';
import type { HostParts, HostVm } from '../parts.ts';
import { attachVolume, claimVm, releaseHolds } from './claim.ts';
import type { GuestLease } from './owner.ts';
import type { Observed } from './plan.ts';
import type { PodFiles } from './pod-files.ts';
import { removeRecord, writeRecord } from './run-record.ts';

/**
 * A VM with the disks of a pod that doesn't run, its containers set up but not started, for calls about files.
 * It has no network, and stays a little for the next call.
 */
export class Toolbox {
  readonly #parts: HostParts;
  readonly #vm: HostVm;
  readonly #wake: () => void;
  #users = 0;
  #idle = false;
  #dead = false;
  #timer = new AbortController();

  constructor(parts: HostParts, vm: HostVm, wake: () => void) {
    this.#parts = parts;
    this.#vm = vm;
    this.#wake = wake;
    void vm.exited.then(() => {
      this.#dead = true;
      wake();
    });
  }

  get observed(): NonNullable<Observed['toolbox']> {
    return this.#dead ? { users: 0, idle: true } : { users: this.#users, idle: this.#idle };
  }

  lease(): GuestLease {
    this.#users += 1;
    this.#idle = false;
    this.#timer.abort();
    let held = true;
    return {
      guest: this.#vm.guest,
      release: () => {
        if (!held) return;
        held = false;
        this.#users -= 1;
        if (this.#users === 0) this.#rest();
      },
    };
  }

  /** The guest writes what it has to the disks, unless nobody needs them any more. */
  async close(abandon: boolean): Promise<void> {
    this.#timer.abort();
    await (abandon ? this.#vm.kill() : this.#vm.stop());
  }

  #rest(): void {
    this.#wake();
    const timer = new AbortController();
    this.#timer = timer;
    this.#parts.clock.sleep(this.#parts.limits.toolboxIdleMs, timer.signal).then(
      () => {
        this.#idle = true;
        this.#wake();
      },
      () => {},
    );
  }
}

export async function openToolbox(
  parts: HostParts,
  owner: Pod,
  files: PodFiles,
  wake: () => void,
): Promise<Toolbox> {
  const { uid } = owner.meta;
  const pod = await withFreeVolumes(parts, owner).catch(async (error: unknown) => {
    await releaseHolds(parts, uid);
    throw error;
  });
  const disks = disksOf(pod);
  parts.toolboxes.begin(
    pod,
    disks.volumes.map(({ name }) => name),
  );
  mkdirSync(files.dir, { recursive: true, mode: 0o700 });
  writeRecord(files.record, { use: 'toolbox', serial: 0, volumes: disks.volumes, sockets: [] });
  let vm: HostVm | undefined;
  try {
    const signal = new AbortController().signal;
    const claim = await claimVm(parts, pod, files, disks, { network: false, signal });
    vm = claim.vm;
    const { guest } = vm;
    const body = {
      disks,
      imageFormat: claim.imageFormat,
      reservation: undefined,
      nowMs: parts.clock.now(),
      random: parts.random,
    };
    await Promise.all([
      guest.setPod(podBody(pod, body)),
      ...pod.spec.containers.map((container) =>
        guest.putContainer(container.name, containerBody(container, disks, parts.limits.guestLogBufferBytes)),
      ),
    ]);
    return new Toolbox(parts, vm, wake);
  } catch (error) {
    await vm?.kill();
    await releaseHolds(parts, uid);
    removeRecord(files.record);
    throw error;
  }
}

/**
 * The pod with what it can have now: in the place of a volume that another pod has is something empty that nobody can
 * write to. The other volumes are attached.
 */
async function withFreeVolumes(parts: HostParts, pod: Pod): Promise<Pod> {
  const taken = new Set<string>();
  for (const volume of disksOf(pod).volumes) {
    try {
      await attachVolume(parts, pod, volume);
    } catch (error) {
      if (codeOf(error) !== 'conflict') throw error;
      taken.add(volume.name);
    }
  }
  if (taken.size === 0) return pod;
  const containers = pod.spec.containers.map((container) => ({
    ...container,
    mounts: container.mounts.map((mount) =>
      mount.type === 'volume' && taken.has(mount.volume)
        ? { type: 'tmpfs' as const, target: mount.target, options: 'ro,size=64k' }
        : mount,
    ),
  }));
  return { ...pod, spec: { ...pod.spec, containers } };
}
