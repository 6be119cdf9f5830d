import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { codeOf, KraudError, MiB, messageOf } from '@kraud/base';
import type { LedgerEntry, Pod } from '@kraud/macro';
import type { LogBook } from '../logs/log-book.ts';
import type { HostParts, HostVm } from '../parts.ts';
import { adoptRun, adoptShares } from '../pods/adopt.ts';
import type { PodFiles } from '../pods/pod-files.ts';
import type { Run } from '../pods/run.ts';
import { noteEnds, type RunRecord, writeRecord, writeRecordDurably } from '../pods/run-record.ts';
import { nsOfMs } from '../pods/times.ts';
import { bootId, type SleeperRecord } from './sleeper.ts';

/** What is left of it can't be woken, now or later: the run is over, and its record says so. */
export class NeverAwake extends KraudError {
  constructor(why: string, cause: unknown) {
    super('unavailable', `it could not be woken: ${why}`, { cause });
  }
}

/**
 * The run goes on where it fell asleep. Only while nothing of it has run it may be tried again after a failure; any other
 * failure is `NeverAwake`.
 */
export async function wake(
  parts: HostParts,
  given: {
    readonly pod: Pod;
    readonly record: SleeperRecord;
    /** Since when somebody waits for it, on the monotonic clock. */
    readonly knockedAtMs: number | undefined;
    readonly files: PodFiles;
    readonly logs: LogBook;
    readonly signal: AbortSignal;
  },
): Promise<Run> {
  const { pod, files, logs, signal } = given;
  const { clock, cradle, network, random } = parts;
  const { asleep, ...record } = given.record;
  const begunAtMs = clock.monotonic();
  await parts.liveness.mayRun(signal);
  refuseFullMemory(parts);
  writeRecordDurably(files.record, { ...record, asleep: { ...asleep, waking: bootId() } });
  const tap = network.parkedTap(pod.meta.uid);
  let usedUp = false;
  let vm: HostVm | undefined;
  try {
    const askedAtMs = clock.monotonic();
    vm = await cradle.wake(asleep.spec, files.asleep, {
      ...(tap ? { tap } : {}),
      awake: () => {
        usedUp = true;
        writeRecord(files.record, record);
      },
      signal,
    });
    const wokenAtMs = clock.monotonic();
    // Nothing is sent to programs that believe that it is yesterday.
    const time = {
      wallClockNs: String(nsOfMs(clock.now())),
      entropy: Buffer.from(random.bytes(64)).toString('base64'),
    };
    const { guest } = vm;
    const clockSet = guest.setClock(time);
    // What its guest has to do first is what it was woken for.
    const [info] = await Promise.all([
      clockSet.then(() => guest.info()),
      reconnect(parts, pod, record, tap ? undefined : vm.tap, clockSet),
    ]);
    const run = adoptRun(parts, { pod, vm, record, info }, logs);
    adoptShares(parts, { pod, vm, record, info });
    const moments = {
      knockedAtMs: given.knockedAtMs ?? begunAtMs,
      askedAtMs,
      wokenAtMs,
      runsAtMs: clock.monotonic(),
    };
    run.ledger = ledgerOf(moments, vm.phases);
    return run;
  } catch (error) {
    if (!usedUp && !['corrupt', 'not-found'].includes(codeOf(error))) {
      writeRecordDurably(files.record, given.record);
      throw error;
    }
    await vm?.kill();
    await rm(files.asleep, { recursive: true, force: true });
    const never = new NeverAwake(messageOf(error), error);
    const end = { exitCode: 255, oomKilled: false, finishedAtNs: nsOfMs(clock.now()), reason: never.message };
    noteEnds(files.record, record, new Map(pod.spec.containers.map(({ name }) => [name, end])));
    throw never;
  }
}

async function reconnect(
  { network }: HostParts,
  { meta: { uid } }: Pod,
  { attachment }: RunRecord,
  freshTap: HostVm['tap'],
  clockSet: Promise<void>,
): Promise<void> {
  if (!attachment) return;
  if (!freshTap) return await network.unpark(uid, clockSet);
  await clockSet;
  await network.plug(uid, { netns: { pid: freshTap.netnsPid }, name: freshTap.name });
}

/** A host that is short of memory would lose pods that are awake to one that isn't. */
function refuseFullMemory({ limits }: HostParts): void {
  const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
  if (kib === undefined || Number(kib) * 1024 >= limits.wakeMemoryBytesMin) return;
  const leastMiB = Math.ceil(limits.wakeMemoryBytesMin / MiB);
  throw new KraudError('exhausted', `the host has less than ${leastMiB} MiB of memory left to wake it`);
}

function ledgerOf(
  at: {
    readonly knockedAtMs: number;
    readonly askedAtMs: number;
    readonly wokenAtMs: number;
    readonly runsAtMs: number;
  },
  phases: HostVm['phases'],
): LedgerEntry[] {
  const entry = (phase: LedgerEntry['phase'], fromMs: number, toMs: number): LedgerEntry => ({
    phase,
    startMs: Math.round((fromMs - at.knockedAtMs) * 100) / 100,
    endMs: Math.round((Math.max(fromMs, toMs) - at.knockedAtMs) * 100) / 100,
  });
  const slotTo = at.askedAtMs + (phases?.slotMs ?? 0);
  const disksTo = slotTo + (phases?.disksMs ?? 0);
  return [
    entry('knock', at.knockedAtMs, at.askedAtMs),
    entry('slot', at.askedAtMs, slotTo),
    entry('disks', slotTo, disksTo),
    entry('guest', disksTo, at.wokenAtMs),
    entry('network', at.wokenAtMs, at.runsAtMs),
  ];
}
