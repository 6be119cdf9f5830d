import { isUp, type Pod, type Volume } from '../../model/index.ts';
import { hostFinalizer } from '../binder.ts';
import { noteDisplacement } from '../displace.ts';

/**
 * What becomes of a pod whose host is lost: nothing of it runs there any more.
 * - `release`: it is to be removed, and its host can't be waited for.
 * - `move`: it is wanted, and runs anew elsewhere.
 * - `end`: it ran, and isn't wanted again.
 * - `wait`: what it needs is on that host only.
 */
export type Fate =
  | { readonly do: 'nothing' }
  | { readonly do: 'release' }
  | { readonly do: 'move' }
  | { readonly do: 'end' }
  | { readonly do: 'wait'; readonly message: string };

export const hostLost = 'its host was lost';

/** Pure. A workload replaces its pods itself. */
export function fateOf(pod: Pod, volumeOf: (pod: Pod, name: string) => Volume | undefined): Fate {
  const { run, restart, host } = pod.spec;
  const { phase, serial, message } = pod.status;
  if (host === undefined) return { do: 'nothing' };
  if (pod.meta.deletedAt !== undefined) {
    return { do: pod.meta.finalizers.includes(hostFinalizer) ? 'release' : 'nothing' };
  }
  const wasUp = isUp(phase) || phase === 'starting';
  const wanted = run.wanted === 'running' || run.wanted === 'paused';
  const ofWorkload = pod.meta.owner?.kind === 'Workload';
  if (ofWorkload) return { do: wasUp && !wanted ? 'end' : 'nothing' };
  const begins = wanted && run.serial > serial;
  const comesAgain = wanted && (wasUp || phase === 'restarting') && restart.name !== 'no';
  if (begins || comesAgain) {
    const tie = tieOf(pod, volumeOf);
    if (tie === undefined) return { do: 'move' };
    const waits = `its host ${host} was lost, where ${tie} is`;
    return message === waits ? { do: 'nothing' } : { do: 'wait', message: waits };
  }
  return { do: wasUp || phase === 'restarting' ? 'end' : 'nothing' };
}

/** What no other host has. */
function tieOf(pod: Pod, volumeOf: (pod: Pod, name: string) => Volume | undefined): string | undefined {
  for (const mount of pod.spec.containers.flatMap(({ mounts }) => mounts)) {
    if (mount.type === 'volume') {
      const volume = volumeOf(pod, mount.volume);
      if (volume && (volume.status.host ?? pod.spec.host) === pod.spec.host) return `volume ${mount.volume}`;
    }
    if (mount.type === 'host' || mount.type === 'socket') return mount.source;
  }
  return undefined;
}

/** Applies a fate; undefined if there is nothing to write. To be applied in a `mutate`. */
export function meetFate(pod: Pod, fate: Fate, nowMs: number): Pod | undefined {
  switch (fate.do) {
    case 'nothing':
      return undefined;
    case 'release':
      letGo(pod);
      return pod;
    case 'wait':
      runAgain(pod, nowMs);
      pod.status.message = fate.message;
      return pod;
    case 'end':
      endRun(pod, nowMs);
      pod.status.phase = 'exited';
      pod.status.message = hostLost;
      return pod;
    case 'move':
      move(pod, nowMs);
      return pod;
  }
}

function move(pod: Pod, nowMs: number): void {
  const { host = '', run } = pod.spec;
  const at = new Date(nowMs).toISOString();
  noteDisplacement(pod, { reason: `host ${host} was lost`, host, serial: run.serial, at });
  runAgain(pod, nowMs);
  pod.status.message = `moved from ${host}: host lost`;
  delete pod.spec.host;
  letGo(pod);
}

/** Its run is over, and the next one is asked for, unless it is already. */
function runAgain(pod: Pod, nowMs: number): void {
  const { phase } = pod.status;
  endRun(pod, nowMs);
  if (isUp(phase)) pod.status.phase = 'restarting';
  else if (phase === 'starting') pod.status.phase = 'created';
  const serial = Math.max(pod.spec.run.serial, pod.status.serial + 1);
  pod.spec.run = { wanted: 'running', serial, stoppedByUser: false };
}

/** As by SIGKILL, which is what its fence, or the end of the machine, was. */
function endRun(pod: Pod, nowMs: number): void {
  const { status } = pod;
  const finishedAt = new Date(nowMs).toISOString();
  for (const container of status.containers) {
    if (container.state !== 'running' && container.state !== 'paused') continue;
    Object.assign(container, { state: 'exited', exitCode: 137, oomKilled: false, finishedAt });
    delete container.health;
  }
  delete status.network;
  delete status.vm;
  delete status.asleep;
  delete status.restart;
}

function letGo(pod: Pod): void {
  pod.meta.finalizers = pod.meta.finalizers.filter((name) => name !== hostFinalizer);
}
