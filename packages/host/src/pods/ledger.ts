import type { LedgerEntry, Pod } from '@kraud/macro';
import type { HostVm } from '../parts.ts';

/** When a start was asked for, as the use case notes it: milliseconds since 1970. */
export const startRequestedAnnotation = 'kraud.dev/start-requested-ms';

/** Moments of one start on the host's monotonic clock, in milliseconds. */
export interface StartMoments {
  /** The host saw that the start is wanted, and what the wall clock said. */
  readonly seenAtMs: number;
  readonly seenAtWallMs: number;
  /** The pod's owner took it up. */
  readonly begunAtMs: number;
  /** The cradle was asked for a VM, and when it had one. */
  readonly askedAtMs: number;
  readonly claimedAtMs: number;
  readonly networkFromMs?: number;
  readonly networkToMs?: number;
  /** The guest answered that the program runs. */
  readonly runsAtMs: number;
}

/** The boot ledger: what took how long, counted from the request. */
export function ledgerOf(pod: Pod, moments: StartMoments, phases: HostVm['phases']): LedgerEntry[] {
  const requested = Number(pod.meta.annotations[startRequestedAnnotation]);
  const sinceRequest = Number.isFinite(requested) ? Math.max(0, moments.seenAtWallMs - requested) : 0;
  const at = (ms: number): number => Math.round((sinceRequest + ms - moments.seenAtMs) * 100) / 100;
  const entry = (phase: LedgerEntry['phase'], fromMs: number, toMs: number): LedgerEntry => ({
    phase,
    startMs: at(fromMs),
    endMs: at(Math.max(fromMs, toMs)),
  });
  const slotMs = phases?.slotMs ?? 0;
  const disksMs = phases?.disksMs ?? 0;
  const slotTo = moments.askedAtMs + slotMs;
  const disksTo = slotTo + disksMs;
  return [
    { phase: 'api', startMs: 0, endMs: at(moments.seenAtMs) },
    entry('place', moments.seenAtMs, moments.begunAtMs),
    entry('slot', moments.askedAtMs, slotTo),
    ...(moments.networkFromMs !== undefined && moments.networkToMs !== undefined
      ? [entry('network', moments.networkFromMs, moments.networkToMs)]
      : []),
    entry('disks', slotTo, disksTo),
    entry('guest', disksTo, moments.claimedAtMs),
    entry('exec', moments.claimedAtMs, moments.runsAtMs),
  ];
}
