import type { VmExit } from '@kraud/cradle';
import {
  applyRestart,
  type ContainerStatus,
  type LedgerEntry,
  type Pod,
  type PodStatus,
  removesItself,
  restartStep,
} from '@kraud/macro';
import type { GuestExit } from '../guest/guest.ts';
import { isoOf } from './times.ts';

/** How one container's run ended. */
export interface ContainerEnd {
  readonly exitCode: number;
  readonly oomKilled: boolean;
  readonly finishedAtNs: bigint;
  /** For people, when it isn't the program's own exit. */
  readonly reason: string;
}

/** What is known of a run once all its containers have ended. */
export interface RunEndings {
  readonly serial: number;
  readonly ends: ReadonlyMap<string, ContainerEnd>;
  readonly startedAtNs: ReadonlyMap<string, bigint>;
  readonly finalLedger?: readonly LedgerEntry[] | undefined;
}

export function endOf(exit: GuestExit, finishedAtNs: bigint): ContainerEnd {
  return {
    exitCode: exit.signal > 0 && exit.code === 0 ? 128 + exit.signal : exit.code,
    oomKilled: exit.oomKilled,
    finishedAtNs,
    reason: exit.error,
  };
}

/**
 * What a container is said to have exited with when its VM went away under it: as by SIGKILL when something outside
 * killed the VM, and 255, Docker's code for an unknown end, otherwise.
 */
export function endOfVm(exit: VmExit, finishedAtNs: bigint): ContainerEnd {
  const killed = exit.reason === 'killed' || exit.reason === 'oom' || exit.reason === 'stopped';
  const words: Record<VmExit['reason'], string> = {
    stopped: 'the VM was ended',
    guest: 'the guest kernel ended',
    killed: 'the VMM was killed',
    oom: "the VM used more memory than the host's limit for it",
    crashed: 'the VMM ended by itself',
    asleep: 'the VM fell asleep',
  };
  const detail = exit.detail ? `: ${exit.detail}` : '';
  return {
    exitCode: killed ? 137 : 255,
    oomKilled: exit.reason === 'oom',
    finishedAtNs,
    reason: `${words[exit.reason]}${detail}`,
  };
}

/** Of whatever the fence ended. */
const outOfReach = 'the host could not reach the cloud';

/** Its VM was ended because what the guest sent was none of what the host's protocol with it allows. */
export function endOfBroken(why: string, finishedAtNs: bigint): ContainerEnd {
  return { exitCode: 255, oomKilled: false, finishedAtNs, reason: `its guest broke the protocol: ${why}` };
}

/** Ended by this host's fence. */
export function endOfFenced(finishedAtNs: bigint): ContainerEnd {
  return { exitCode: 137, oomKilled: false, finishedAtNs, reason: outOfReach };
}

export interface UpFacts {
  readonly serial: number;
  readonly paused: boolean;
  readonly startedAtNs: ReadonlyMap<string, bigint>;
  /** Containers of the pod that have ended while others go on. */
  readonly ends: ReadonlyMap<string, ContainerEnd>;
  readonly network: PodStatus['network'];
  readonly vm: PodStatus['vm'];
  readonly ledger: readonly LedgerEntry[] | undefined;
}

function previous(pod: Pod, name: string): ContainerStatus {
  const known = pod.status.containers.find((container) => container.name === name);
  return known ?? { name, state: 'created', exitCode: 0, oomKilled: false, error: '' };
}

/** Status of a pod whose program runs. A start that was asked for meanwhile is answered by this run. */
export function upStatus(pod: Pod, up: UpFacts): PodStatus {
  const { network: _network, vm: _vm, ledger: _ledger, asleep: _asleep, ...rest } = pod.status;
  const sameRun = pod.status.serial >= up.serial && pod.status.phase !== 'exited';
  return {
    ...rest,
    phase: keptPhase(pod) ?? (up.paused ? 'paused' : 'running'),
    serial: pod.spec.run.wanted === 'stopped' ? up.serial : Math.max(up.serial, pod.spec.run.serial),
    containers: pod.spec.containers.map(({ name, health }) => {
      const before = previous(pod, name);
      const end = up.ends.get(name);
      const startedAt = up.startedAtNs.get(name);
      const { health: _health, ...kept } = before;
      const healthNow = sameRun
        ? before.health
        : health && { status: 'starting' as const, failingStreak: 0, log: [] };
      return {
        ...kept,
        state: end ? 'exited' : up.paused ? 'paused' : 'running',
        ...(startedAt !== undefined ? { startedAt: isoOf(startedAt) } : {}),
        ...(end
          ? { finishedAt: isoOf(end.finishedAtNs), exitCode: end.exitCode, oomKilled: end.oomKilled }
          : { exitCode: 0, oomKilled: false }),
        error: '',
        ...(healthNow ? { health: healthNow } : {}),
      };
    }),
    ...(up.network ? { network: up.network } : {}),
    ...(up.vm ? { vm: up.vm } : {}),
    ...(up.ledger ? { ledger: [...up.ledger] } : sameRun && _ledger ? { ledger: _ledger } : {}),
    message: '',
  };
}

/** Status of a pod that runs, and whose VM is a file for now. */
export function asleepStatus(pod: Pod, asleep: NonNullable<PodStatus['asleep']>): PodStatus {
  const { vm: _vm, ...rest } = pod.status;
  return { ...rest, serial: Math.max(rest.serial, pod.spec.run.serial), asleep };
}

/** Status once a run is over. The ledger of its start stays, for whoever asks later. */
function exitedStatus(pod: Pod, endings: RunEndings): PodStatus {
  const { network: _network, vm: _vm, asleep: _asleep, ...rest } = pod.status;
  let message = '';
  const containers = pod.spec.containers.map(({ name }) => {
    const before = previous(pod, name);
    const end = endings.ends.get(name);
    if (!end) return before;
    message ||= end.reason;
    const startedAt = endings.startedAtNs.get(name);
    return {
      ...before,
      state: 'exited' as const,
      ...(startedAt !== undefined ? { startedAt: isoOf(startedAt) } : {}),
      finishedAt: isoOf(end.finishedAtNs),
      exitCode: end.exitCode,
      oomKilled: end.oomKilled,
      error: '',
    };
  });
  const serial = Math.max(endings.serial, pod.status.serial);
  const ledger = endings.finalLedger ? { ledger: [...endings.finalLedger] } : {};
  return { ...rest, ...ledger, phase: keptPhase(pod) ?? 'exited', serial, containers, message };
}

/**
 * A pod once its run is over. One that removes itself is marked for deletion in the same write, unless it has files that
 * outlive it: those are to be looked after first. One that its policy restarts is never seen exited.
 */
export function afterExit(pod: Pod, endings: RunEndings, keepsNothing: boolean, nowMs: number): Pod {
  const over = { ...pod, status: exitedStatus(pod, endings) };
  const step = restartStep(over);
  if (step.step === 'wait') return applyRestart(over, step) ?? over;
  if (!keepsNothing || !removesItself(over)) return over;
  return { ...over, meta: { ...over.meta, deletedAt: new Date(nowMs).toISOString() } };
}

/** A pod that is being removed stays so, whatever its run does. */
function keptPhase(pod: Pod): 'removing' | 'dead' | undefined {
  const { phase } = pod.status;
  return phase === 'removing' || phase === 'dead' ? phase : undefined;
}

export interface StartFailure {
  readonly serial: number;
  /** As Docker: 127 not found, 126 not executable, 128 anything else. */
  readonly exitCode: number;
  readonly error: string;
}

/** Status when the program could not be started: it is where it was, with the reason. */
export function failedStatus(pod: Pod, failure: StartFailure): PodStatus {
  const { network: _network, vm: _vm, ledger: _ledger, asleep: _asleep, ...rest } = pod.status;
  const { phase } = pod.status;
  const neverRan = pod.status.containers.every((container) => container.startedAt === undefined);
  const ranBefore = phase !== 'created' && !(phase === 'starting' && neverRan);
  return {
    ...rest,
    phase: keptPhase(pod) ?? (ranBefore ? 'exited' : 'created'),
    serial: failure.serial,
    containers: pod.spec.containers.map(({ name }, index) => {
      const { health: _health, ...before } = previous(pod, name);
      return {
        ...before,
        state: ranBefore ? 'exited' : 'created',
        exitCode: failure.exitCode,
        oomKilled: false,
        error: index === 0 ? failure.error : '',
      };
    }),
    message: failure.error,
  };
}

/** Status of a pod whose removal does not get on. */
export function removalStatus(pod: Pod, phase: 'removing' | 'dead', why: string): PodStatus {
  const message = `the container could not be removed: ${why}`;
  if (pod.status.phase === 'dead') return { ...pod.status, message };
  return { ...pod.status, phase, message };
}

/** Status of a pod that nothing runs although the store has it otherwise. */
export function settledStatus(
  pod: Pod,
  because: 'lost' | 'fenced' | 'overtaken',
  nowNs: bigint,
  noted?: ReadonlyMap<string, ContainerEnd>,
): PodStatus {
  const ending = { oomKilled: false, finishedAtNs: nowNs };
  const end: ContainerEnd = {
    lost: {
      ...ending,
      exitCode: 255,
      reason: 'its VM went away while nobody watched: the host restarted, or the VMM ended',
    },
    fenced: endOfFenced(nowNs),
    overtaken: { ...ending, exitCode: 137, reason: 'stopped before it ran' },
  }[because];
  const waitsToRestart = pod.status.phase === 'restarting';
  const known = because === 'overtaken' ? undefined : noted;
  const ends = new Map(
    waitsToRestart
      ? []
      : pod.spec.containers.map(({ name }) => [name, known?.get(name) ?? end] as [string, ContainerEnd]),
  );
  // A lost run is the one the store has; a newer one may still be asked for.
  const serial = because === 'overtaken' ? pod.spec.run.serial : pod.status.serial;
  return exitedStatus(pod, { serial, ends, startedAtNs: new Map() });
}
