import { existsSync, mkdirSync, statfsSync } from 'node:fs';
import { KraudError, MiB, messageOf } from '@kraud/base';
import type { Pod } from '@kraud/macro';
import type { Reservation } from '@kraud/network';
import { containerBody, disksOf, type PodDisks, podBody } from '../guest/bodies.ts';
import type { LogBook } from '../logs/log-book.ts';
import type { HostParts, HostVm } from '../parts.ts';
import { type Claim, claimVm, discardVm, releaseHolds } from './claim.ts';
import { execFailure } from './exec-failure.ts';
import { type GivenFile, givenFiles } from './given-files.ts';
import { ledgerOf } from './ledger.ts';
import { linkedPods, linkVariables, withLinkVariables } from './links.ts';
import { networkStatus, reservePlaces } from './places.ts';
import type { PodFiles } from './pod-files.ts';
import { Run } from './run.ts';
import { type RunRecord, removeRecord, writeRecord } from './run-record.ts';
import { useVolumes } from './use-volumes.ts';

export interface StartRequest {
  readonly pod: Pod;
  readonly serial: number;
  readonly files: PodFiles;
  readonly logs: LogBook;
  readonly seen: { readonly atMs: number; readonly atWallMs: number };
  readonly signal: AbortSignal;
}

/**
 * Brings a pod up: everything that does not need something else goes on at the same time. A start that fails or
 * is aborted leaves nothing behind; the error of a program that can't be run is a `StartError`.
 *
 * ```
 * record ─┬─ rootfs, volumes ── claim ─┬─ tap into the VPC ─────────────┐
 *         └─ address, ports ───────────┴─ pod, container, files, sockets ┴─ start
 * ```
 *
 * Between pod and container, a VM with a volume that another one keeps waits until it can use it.
 *
 * Once `start` is on its way the run counts as begun: the next daemon finds the VM, and what became of it.
 */
export async function startRun(parts: HostParts, request: StartRequest): Promise<Run> {
  const { pod, files, signal } = request;
  const begunAtMs = parts.clock.monotonic();
  refuseFullDisk(parts);
  const disks = disksOf(pod);
  refuseMissingPaths(disks);
  const linked = await linkedPods(parts, pod, signal);
  const given = await givenFiles(pod, parts.fileSources);
  const record: RunRecord = { use: 'run', serial: request.serial, volumes: disks.volumes, sockets: [] };
  mkdirSync(files.dir, { recursive: true, mode: 0o700 });
  writeRecord(files.record, record);
  let vm: HostVm | undefined;
  try {
    const [claim, network] = await bothOrNeither(
      claimVm(parts, pod, files, disks, {
        network: pod.spec.networks.length > 0,
        brief: false,
        signal,
      }),
      reserve(parts, pod),
      (orphan) => discardVm(orphan.vm),
    );
    vm = claim.vm;
    signal.throwIfAborted();
    return await boot(parts, request, { claim, network, disks, given, record, begunAtMs, linked });
  } catch (error) {
    if (vm) await discardVm(vm);
    await releaseHolds(parts, pod.meta.uid);
    removeRecord(files.record);
    throw error;
  }
}

/** A guest whose disk is a sparse file on a full one would get I/O errors for what it has room for. */
function refuseFullDisk({ dataDir, limits }: HostParts): void {
  const { bavail, bsize } = statfsSync(dataDir);
  if (bavail * bsize >= limits.diskFreeBytesMin) return;
  const leastMiB = Math.ceil(limits.diskFreeBytesMin / MiB);
  throw new KraudError('exhausted', `no space left on device: ${dataDir} has less than ${leastMiB} MiB free`);
}

/** They were there, or may have been on another host, when it was made. */
function refuseMissingPaths({ hostPaths }: PodDisks): void {
  const missing = hostPaths.find(({ source }) => !existsSync(source));
  if (!missing) return;
  throw new KraudError(
    'invalid',
    `invalid mount config for type "bind": bind source path does not exist: ${missing.source}`,
  );
}

interface Timed<T> {
  readonly value: T;
  readonly fromMs: number;
  readonly toMs: number;
}

async function reserve(parts: HostParts, pod: Pod): Promise<Timed<Reservation> | undefined> {
  if (pod.spec.networks.length === 0) return undefined;
  const fromMs = parts.clock.monotonic();
  const value = await reservePlaces(parts, pod);
  return { value, fromMs, toMs: parts.clock.monotonic() };
}

async function boot(
  parts: HostParts,
  { pod, files, logs, seen, signal }: StartRequest,
  made: {
    claim: Claim;
    network: Timed<Reservation> | undefined;
    disks: PodDisks;
    given: readonly GivenFile[];
    record: RunRecord;
    begunAtMs: number;
    linked: Awaited<ReturnType<typeof linkedPods>>;
  },
): Promise<Run> {
  const { clock, limits, random } = parts;
  const { disks, given, network } = made;
  const { vm, imageFormat, roles, askedAtMs } = made.claim;
  const { guest } = vm;
  const claimedAtMs = clock.monotonic();
  const reservation = network?.value;

  const attached: RunRecord = {
    ...made.record,
    ...(reservation ? { attachment: reservation.attachment, network: networkStatus(reservation) } : {}),
  };
  if (reservation) writeRecord(files.record, attached);
  const plugged = reservation && vm.tap ? parts.network.plug(pod.meta.uid, tapOf(vm.tap)) : Promise.resolve();

  const body = { disks, roles, imageFormat, reservation, nowMs: clock.now(), random };
  const set = guest.setPod(podBody(pod, body));
  const steps: Promise<unknown>[] = [plugged, set];
  quiet(steps);
  const turn = await useVolumes(parts, pod, { vm, disks, roles, set, brief: false }, signal);
  const puts: Promise<unknown>[] = [];
  const variables = linkVariables(pod, made.linked);
  for (const container of pod.spec.containers) {
    const env = withLinkVariables(container.env, variables);
    const { sysctls } = pod.spec;
    const given = { logBufferBytes: limits.guestLogBufferBytes, sysctls };
    puts.push(guest.putContainer(container.name, containerBody({ ...container, env }, disks, given)));
  }
  steps.push(...puts);
  void Promise.allSettled(puts).then(turn);
  for (const { container, bytes, ...file } of given) steps.push(guest.putFile(container, file, bytes));
  const sockets = Promise.all(
    disks.sockets.map(async ({ container, source, target }) => ({
      id: await guest.listen(container, { path: target, mode: 0o660, uid: 0, gid: 0 }),
      source,
    })),
  );
  steps.push(sockets);
  quiet(steps);
  // A program must not send its first packet into a tap that nobody has plugged in yet.
  await plugged;
  const pluggedAtMs = clock.monotonic();

  let record = attached;
  // Without them a program must not start.
  if (given.length > 0) await Promise.all(steps);
  if (disks.sockets.length > 0) {
    await Promise.all(steps);
    record = { ...attached, sockets: await sockets };
    writeRecord(files.record, record);
  }
  const run = new Run({ parts, pod, vm, record, logs });
  const starts = pod.spec.containers.map(async ({ name, args }) => {
    run.follow(name);
    try {
      const { startedAtNs } = await guest.start(name);
      run.startedAtNs.set(name, startedAtNs);
    } catch (error) {
      throw execFailure(args[0] ?? '', error);
    }
  });
  quiet(starts);
  const lost = vm.exited.then(({ reason, detail }) => {
    throw new KraudError('unavailable', `the VM ended while it started (${reason}): ${detail}`);
  });
  const unwanted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  quiet([lost, unwanted]);
  try {
    // The first fault is the one to tell: a container that could not be set up can't be started either.
    await Promise.race([Promise.all(steps), lost, unwanted]);
    await Promise.race([Promise.all(starts), lost, unwanted]);
  } catch (error) {
    run.abandon();
    throw error;
  }
  const runsAtMs = clock.monotonic();
  run.runsAtMs = runsAtMs;
  run.ledger = ledgerOf(
    pod,
    {
      seenAtMs: seen.atMs,
      seenAtWallMs: seen.atWallMs,
      begunAtMs: made.begunAtMs,
      askedAtMs,
      claimedAtMs,
      ...(network ? { networkFromMs: network.fromMs, networkToMs: vm.tap ? pluggedAtMs : network.toMs } : {}),
      runsAtMs,
    },
    vm.phases,
  );
  for (const { id, source } of record.sockets) run.relay(id, source);
  run.watch();
  return run;
}

const tapOf = (tap: NonNullable<HostVm['tap']>): { netns: { pid: number }; name: string } => ({
  netns: { pid: tap.netnsPid },
  name: tap.name,
});

/** Their rejections are looked at later, or made pointless by an earlier one. */
function quiet(promises: readonly Promise<unknown>[]): void {
  for (const promise of promises) promise.catch(() => {});
}

/** Both values; when one of them fails, the first is undone if it comes after all. */
async function bothOrNeither<A, B>(
  first: Promise<A>,
  second: Promise<B>,
  undo: (first: A) => Promise<void>,
): Promise<[A, B]> {
  const [a, b] = await Promise.allSettled([first, second]);
  if (a.status === 'rejected') throw a.reason;
  if (b.status === 'rejected') {
    await undo(a.value);
    throw b.reason;
  }
  return [a.value, b.value];
}

/** What the status says when a start failed. */
export function startFailure(
  serial: number,
  error: unknown,
): { serial: number; exitCode: number; error: string } {
  const exitCode = error instanceof KraudError && 'exitCode' in error ? Number(error.exitCode) : 128;
  return { serial, exitCode, error: messageOf(error) };
}
