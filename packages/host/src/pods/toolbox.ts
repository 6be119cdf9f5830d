import { mkdirSync } from 'node:fs';
import type { Pod } from '@kraud/macro';
import { containerBody, disksOf, podBody } from '../guest/bodies.ts';
import type { HostParts, HostVm } from '../parts.ts';
import { claimVm, discardVm, releaseHolds } from './claim.ts';
import type { GuestLease } from './owner-event.ts';
import type { Observed } from './plan.ts';
import type { PodFiles } from './pod-files.ts';
import { removeRecord, writeRecord } from './run-record.ts';
import { useVolumes } from './use-volumes.ts';

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

  /** The guest writes what it has to the disks, unless nobody needs them any more: volumes outlive the pod. */
  async close(abandon: boolean): Promise<void> {
    this.#timer.abort();
    const { volumes, hostPaths } = this.#vm.spec;
    const keepsNothing = abandon && volumes.length === 0 && hostPaths.length === 0;
    await (keepsNothing ? this.#vm.kill() : this.#vm.stop());
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
  pod: Pod,
  files: PodFiles,
  wake: () => void,
): Promise<Toolbox> {
  const { uid } = pod.meta;
  const disks = disksOf(pod);
  parts.toolboxes.begin(uid);
  mkdirSync(files.dir, { recursive: true, mode: 0o700 });
  writeRecord(files.record, { use: 'toolbox', serial: 0, volumes: disks.volumes, sockets: [] });
  let vm: HostVm | undefined;
  try {
    const signal = new AbortController().signal;
    const claim = await claimVm(parts, pod, files, disks, { network: false, brief: true, signal });
    vm = claim.vm;
    const { guest } = vm;
    const body = {
      disks,
      roles: claim.roles,
      imageFormat: claim.imageFormat,
      reservation: undefined,
      nowMs: parts.clock.now(),
      random: parts.random,
    };
    const set = guest.setPod(podBody(pod, body));
    set.catch(() => {});
    const turn = await useVolumes(parts, pod, { vm, disks, roles: claim.roles, set, brief: true });
    const given = { logBufferBytes: parts.limits.guestLogBufferBytes, sysctls: pod.spec.sysctls };
    const puts = pod.spec.containers.map((container) =>
      guest.putContainer(container.name, containerBody(container, disks, given)),
    );
    void Promise.allSettled(puts).then(turn);
    await Promise.all([set, ...puts]);
    return new Toolbox(parts, vm, wake);
  } catch (error) {
    if (vm) await discardVm(vm);
    await releaseHolds(parts, uid);
    removeRecord(files.record);
    throw error;
  }
}
