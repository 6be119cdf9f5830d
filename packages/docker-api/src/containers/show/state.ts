import type { Pod } from '@kraud/cloud';
import { humanDuration, zeroTime } from '../../times.ts';
import { mainOf } from './given.ts';

export type DockerStatus = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';

/** A pod's phase in Docker's words: one that starts is still what it was, one that stops still runs. */
export function statusOf(pod: Pod): DockerStatus {
  switch (pod.status.phase) {
    case 'stopping':
      return 'running';
    case 'starting':
      return mainOf(pod).status?.finishedAt === undefined ? 'created' : 'exited';
    default:
      return pod.status.phase;
  }
}

export function isRunning(pod: Pod): boolean {
  const status = statusOf(pod);
  return status === 'running' || status === 'paused' || status === 'restarting';
}

export function stateOf(pod: Pod): Record<string, unknown> {
  const { spec, status: container } = mainOf(pod);
  const status = statusOf(pod);
  const health = container?.health;
  return {
    Status: status,
    Running: isRunning(pod),
    Paused: status === 'paused',
    Restarting: status === 'restarting',
    OOMKilled: container?.oomKilled ?? false,
    Dead: status === 'dead',
    Pid: status === 'running' || status === 'paused' ? (pod.status.vm?.pid ?? 0) : 0,
    ExitCode: container?.exitCode ?? 0,
    Error: container?.error || (status === 'exited' || status === 'dead' ? pod.status.message : ''),
    StartedAt: container?.startedAt ?? zeroTime,
    FinishedAt: container?.finishedAt ?? zeroTime,
    ...(spec.health
      ? {
          Health: {
            Status: health?.status ?? 'starting',
            FailingStreak: health?.failingStreak ?? 0,
            Log: (health?.log ?? []).map((entry) => ({
              Start: entry.start,
              End: entry.end,
              ExitCode: entry.exitCode,
              Output: entry.output,
            })),
          },
        }
      : {}),
  };
}

/** The STATUS column of `docker ps`. */
export function statusText(pod: Pod, nowMs: number): string {
  const { spec, status: container } = mainOf(pod);
  const status = statusOf(pod);
  const since = (iso: string | undefined): string =>
    humanDuration(iso === undefined ? 0 : Math.max(0, nowMs - Date.parse(iso)));
  switch (status) {
    case 'running': {
      const state = container?.health?.status ?? 'starting';
      const health = spec.health ? ` (${state === 'starting' ? 'health: starting' : state})` : '';
      return `Up ${since(container?.startedAt)}${health}${pod.status.asleep ? ' (Asleep)' : ''}`;
    }
    case 'paused':
      return `Up ${since(container?.startedAt)} (Paused)`;
    case 'restarting':
      return `Restarting (${container?.exitCode ?? 0}) ${since(container?.finishedAt)} ago`;
    case 'exited':
      return `Exited (${container?.exitCode ?? 0}) ${since(container?.finishedAt)} ago`;
    case 'removing':
      return 'Removal In Progress';
    case 'dead':
      return 'Dead';
    default:
      return 'Created';
  }
}
