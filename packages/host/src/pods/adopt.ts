import { codeOf, KraudError, messageOf } from '@kraud/base';
import type { Pod } from '@kraud/macro';
import type { Attachment } from '@kraud/network';
import type { GuestInfo } from '../guest/guest.ts';
import type { LogBook } from '../logs/log-book.ts';
import type { HostParts, HostVm } from '../parts.ts';
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

/**
 * Looks at the VMs that an earlier daemon left. Those whose pod's program was started go on, whether it still runs
 * or not; all others are ended here: a VM without a pod, a toolbox, one whose start was cut short (the pod is started
 * afresh), and one whose guest doesn't answer.
 */
export async function findAdoptable(parts: HostParts, vms: readonly HostVm[]): Promise<Adoptable[]> {
  const found = await Promise.all(vms.map((vm) => look(parts, vm)));
  return found.filter((item) => item !== undefined);
}

async function look(parts: HostParts, vm: HostVm): Promise<Adoptable | undefined> {
  const logger = parts.logger.child({ vm: vm.id.slice(0, 12) });
  const end = async (why: string, how = discardVm): Promise<undefined> => {
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

/** Gives networks back to the pods that go on, and volumes to all that have a VM; those that go on share them again. */
export async function adoptHolds(parts: HostParts, going: readonly Adoptable[]): Promise<void> {
  // Of a run that is over the next pod may have the address by now.
  const attachments = going.flatMap(({ record, info }): Attachment[] =>
    record.attachment && info ? [record.attachment] : [],
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
  const report = await parts.network.adopt(attachments);
  if (report.lost.length > 0 || report.problems.length > 0) {
    parts.logger.warn({ ...report }, 'not every network could be restored');
  }
  await parts.volumes.adopt(
    going.flatMap(({ pod, vm, record }) =>
      record.volumes.map(({ name }, index) => ({
        key: { tenant: pod.meta.tenant, name },
        podId: pod.meta.uid,
        role: vm.spec.volumes[index]?.share === 'elsewhere' ? ('sharer' as const) : ('keeper' as const),
      })),
    ),
  );
  for (const { pod, vm, record, info } of going) {
    const { tenant, uid } = pod.meta;
    const volumes = record.volumes.map(({ name }) => name);
    if (info) parts.shares.join({ tenant, uid, vm, volumes, brief: false }).catch(() => {});
  }
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
