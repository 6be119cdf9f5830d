import { codeOf, KraudError, messageOf } from '@kraud/base';
import type { VmSpec } from '@kraud/cradle';
import type { Pod } from '@kraud/macro';
import type { Attachment } from '@kraud/network';
import type { GuestInfo } from '../guest/guest.ts';
import type { LogBook } from '../logs/log-book.ts';
import type { HostParts, HostVm, KeptVm } from '../parts.ts';
import type { Sleeper } from '../sleep/sleeper.ts';
import { discardVm } from './claim.ts';
import { PodFiles } from './pod-files.ts';
import { Run } from './run.ts';
import { notedEnds, type RunRecord, readRecord } from './run-record.ts';

/** A VM of an earlier daemon that goes on, with what the daemon had noted about it. */
export interface Adoptable {
  readonly pod: Pod;
  readonly vm: HostVm;
  readonly record: RunRecord;
  /** Undefined for a run that is over, as its record says: the VM was going down when its daemon died. */
  readonly info: GuestInfo | undefined;
}

/** By what was noted alone: what a VM of an earlier daemon holds while it isn't known whether it goes on. */
interface Holder {
  readonly pod: Pod;
  readonly spec: VmSpec;
  readonly record: RunRecord;
}

/** A VM that an earlier daemon left. */
export class LeftVm {
  readonly uid: string;
  /** Undefined if it can't go on. */
  readonly holder: Holder | undefined;
  /** Resolves once it is known whether it goes on, and it is gone if it doesn't. */
  readonly settled: Promise<void>;
  #isSettled = false;
  #adoptable: Adoptable | undefined;

  /** When `signal` aborts it is left to the next daemon, unless it was settled before. */
  constructor(parts: HostParts, kept: KeptVm, signal: AbortSignal) {
    this.uid = kept.spec.id;
    const pod = parts.pods.byUid(this.uid);
    const record = readRecord(new PodFiles(parts.dataDir, this.uid).record);
    this.holder = pod && record?.use === 'run' ? { pod, spec: kept.spec, record } : undefined;
    this.settled = this.#look(parts, kept, signal);
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Undefined while it isn't settled, and if it doesn't go on. */
  get adoptable(): Adoptable | undefined {
    return this.#adoptable;
  }

  async #look(parts: HostParts, kept: KeptVm, signal: AbortSignal): Promise<void> {
    const vm = await kept.vm;
    try {
      if (vm) this.#adoptable = await look(parts, vm, signal);
    } catch (error) {
      parts.logger.error({ vm: this.uid.slice(0, 12), error: messageOf(error) }, 'a VM could not be ended');
    }
    this.#isSettled = true;
  }
}

/**
 * Looks at a VM that an earlier daemon left. One whose pod's program was started goes on, whether it still runs
 * or not; any other is ended here: a VM without a pod, a toolbox, one whose start was cut short (the pod is started
 * afresh), and one whose guest doesn't answer.
 */
async function look(parts: HostParts, vm: HostVm, signal: AbortSignal): Promise<Adoptable | undefined> {
  const logger = parts.logger.child({ vm: vm.id.slice(0, 12) });
  const end = async (why: string, how = discardVm): Promise<undefined> => {
    if (signal.aborted) return undefined;
    logger.info({ why }, 'a VM of an earlier daemon is ended');
    await how(vm);
    return undefined;
  };
  const pod = parts.pods.byUid(vm.id);
  if (!pod) return await end('it has no pod');
  const record = readRecord(new PodFiles(parts.dataDir, vm.id).record);
  if (record?.use !== 'run') return await end('it ran no program');
  if (record.ends) return { pod, vm, record, info: undefined };
  let info: GuestInfo;
  try {
    info = await answered(parts, vm);
  } catch (error) {
    return await end(`its guest doesn't answer: ${messageOf(error)}`, () => vm.kill());
  }
  const started = pod.spec.containers.every(({ name }) => {
    const state = info.containers.find((container) => container.name === name)?.state;
    return state !== undefined && state !== 'created';
  });
  if (!started) return await end('its start was cut short');
  return { pod, vm, record, info };
}

async function answered(parts: HostParts, vm: HostVm): Promise<GuestInfo> {
  const done = new AbortController();
  const late = parts.clock.sleep(parts.limits.adoptTimeoutMs, done.signal).then(() => {
    throw new KraudError('timeout', `no answer within ${parts.limits.adoptTimeoutMs} ms`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([vm.guest.info(), late]);
  } finally {
    done.abort();
  }
}

/**
 * Gives networks back to the pods that go on, and volumes to all that have a VM. Those of which it isn't known yet get
 * both: nobody else may have an address or a disk that they use.
 */
export async function adoptHolds(
  parts: HostParts,
  left: readonly LeftVm[],
  sleepers: ReadonlyMap<string, Sleeper>,
): Promise<void> {
  const asleep = [...sleepers].flatMap(([uid, { record }]): Holder[] => {
    const pod = parts.pods.byUid(uid);
    return pod ? [{ pod, spec: record.asleep.spec, record }] : [];
  });
  const awake = left.flatMap(({ uid, holder, isSettled, adoptable }) =>
    holder && (adoptable || !isSettled) && !sleepers.has(uid) ? [holder] : [],
  );
  const holders = [...awake, ...asleep];
  // Of a run that is over the next pod may have the address by now.
  const attachments = holders.flatMap(({ record }): Attachment[] =>
    record.attachment && !record.ends ? [record.attachment] : [],
  );
  const networks = new Map(
    attachments.flatMap(({ tenant, places }) =>
      places.map(({ network }) => [`${tenant}/${network}`, { tenant, network }]),
    ),
  );
  for (const { tenant, network } of networks.values()) {
    const spec = await parts.networks.spec(tenant, network);
    if (!spec) continue;
    try {
      await parts.network.ensureNetwork(spec);
    } catch (error) {
      if (codeOf(error) !== 'conflict') throw error;
      parts.logger.warn({ error: messageOf(error) }, 'pods have lost a network');
    }
  }
  const report = await parts.network.adopt(attachments, { parked: new Set(sleepers.keys()) });
  if (report.lost.length > 0 || report.problems.length > 0) {
    parts.logger.warn({ ...report }, 'not every network could be restored');
  }
  await parts.volumes.adopt(
    holders.flatMap(({ pod, spec, record }) =>
      record.volumes.map(({ name }, index) => ({
        key: { tenant: pod.meta.tenant, name },
        podId: pod.meta.uid,
        role: spec.volumes[index]?.share === 'elsewhere' ? ('sharer' as const) : ('keeper' as const),
      })),
    ),
  );
}

/** One that goes on shares its volumes again. */
export function adoptShares({ shares }: HostParts, { pod, vm, record, info }: Adoptable): void {
  const { tenant, uid } = pod.meta;
  const volumes = record.volumes.map(({ name }) => name);
  if (info) shares.join({ tenant, uid, vm, volumes, brief: false }).catch(() => {});
}

/**
 * Takes a run up where the earlier daemon left it: output from the first byte that isn't kept, exits with their own
 * time. One that is over is only finished: asking its VM again could tell another end than the one that was noted.
 */
export function adoptRun(parts: HostParts, { pod, vm, record, info }: Adoptable, logs: LogBook): Run {
  const run = new Run({ parts, pod, vm, record, logs });
  run.adopted = true;
  run.exitReported = isOver(pod.status.phase) && pod.status.serial >= record.serial;
  if (!info) {
    run.conclude(notedEnds(record));
    return run;
  }
  run.paused = info.containers.some(({ state }) => state === 'paused');
  for (const { name, startedAtNs } of info.containers) {
    if (startedAtNs !== undefined) run.startedAtNs.set(name, startedAtNs);
  }
  for (const { name } of pod.spec.containers) run.follow(name);
  for (const { id, source } of record.sockets) run.relay(id, source);
  run.watch();
  return run;
}

const isOver = (phase: Pod['status']['phase']): boolean => phase === 'exited' || phase === 'restarting';
