import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Clock, isErrno, KraudError, type Logger, MiB, messageOf } from '@kraud/base';
import type { Accelerator, SleepOptions, StayedTap, VmSpec } from '../contract.ts';
import { isAlive } from '../process.ts';
import type { Moulds } from '../slots/moulds.ts';
import type { Blank } from '../slots/slot-maker.ts';
import { goOn, loadState, sendState } from '../template/snapshot.ts';
import { writeRecord } from '../vm/record.ts';
import { dataPathsOf } from '../vm/spec.ts';
import type { Machine, Yard } from '../vm/yard.ts';
import { type PartFacts, writeParts } from './parts.ts';
import {
  checkSleeper,
  filesOfSleeper,
  removeSleeper,
  type SleepBasis,
  sealSleeper,
  unsealSleeper,
} from './sleeper.ts';

const stateFd = 3;

export interface SleepWorld {
  readonly yard: Yard;
  readonly basis: SleepBasis;
  /** What woken VMs are forked from, if there is one of their class. */
  readonly blanks: Moulds<Blank>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A VMM that says nothing for so long does not fall asleep. */
  readonly silenceMs: number;
}

/**
 * Has VMs fall asleep, and makes VMs of sleepers.
 *
 *     runs ── stop ── state to files ── flush ── manifest ── asleep() ── VMM ends
 *     sleeper ── VMM starts ── state loaded ── disks ── claimed, awake() ── manifest removed ── runs
 *
 * Between, the VM's record names the sleeper, and the VM stands still: whichever of the two counts after a crash, the other has not
 * changed a disk since. A VM runs on only once its sleeper is none any more.
 */
export class Sleep {
  readonly #world: SleepWorld;

  constructor(world: SleepWorld) {
    this.#world = world;
  }

  /** Afterwards the VM stands still, and is to be released; after a failure it runs, unless it has ended. */
  async fall(machine: Machine, spec: VmSpec, dir: string, options: SleepOptions): Promise<{ bytes: number }> {
    if (spec.hostPaths.length > 0) throw new KraudError('conflict', 'a VM with host paths can not sleep');
    options.signal?.throwIfAborted();
    try {
      await makeDir(dir);
    } catch (error) {
      throw reasonOf(error, spec);
    }
    try {
      writeRecord(machine.dir, { ...machine.record, spec, sleeper: dir });
      await machine.vmm.execute('stop');
      const bytes = await this.#write(machine, spec, dir, options.signal);
      options.signal?.throwIfAborted();
      callBack(options.asleep);
      return { bytes };
    } catch (error) {
      await this.#undo(machine, spec, dir);
      if (error instanceof NotNoted) throw error.cause;
      options.signal?.throwIfAborted();
      throw reasonOf(error, spec);
    }
  }

  async #write(machine: Machine, spec: VmSpec, dir: string, signal?: AbortSignal): Promise<number> {
    const { yard, basis, clock, silenceMs } = this.#world;
    const files = filesOfSleeper(dir);
    await using memory = await open(files.memory, 'wx', 0o600);
    await using layout = await open(files.layout, 'wx', 0o600);
    await using state = await open(files.state, 'wx', 0o600);
    // The VMM that is to map it has a user of its own.
    for (const file of [memory, layout]) await file.chmod(0o444);
    let facts: { state: PartFacts; layout: PartFacts } | undefined;
    const take = async (stream: AsyncIterable<Buffer>): Promise<void> => {
      facts = await writeParts(stream, spec.size.memoryMiB * MiB, { memory, layout, state });
    };
    await sendState(machine.vmm, clock, take, { signal, silenceMs });
    if (!facts) throw new KraudError('internal', 'nothing was taken');
    await Promise.all([
      ...[memory, layout, state].map((file) => file.sync()),
      ...dataPathsOf(spec).map(syncFile),
      ...(spec.network ? [yard.keepTap(machine, 'stays')] : []),
    ]);
    await sealSleeper(dir, { version: 1, spec, basis, ...facts });
    // By the time that it is woken there is one.
    this.#world.blanks.ready(spec.size);
    return (await allocated(memory)) + facts.layout.sizeBytes + facts.state.sizeBytes;
  }

  /** A VM that could not go on is ended, rather than left standing. */
  async #undo(machine: Machine, spec: VmSpec, dir: string): Promise<void> {
    try {
      await this.#runOn(machine, spec, dir);
    } catch (error) {
      await removeSleeper(dir).catch(() => {});
      if (machine.vmm.lost) return;
      const detail = `did not fall asleep, nor go on: ${messageOf(error)}`;
      this.#world.logger.error({ pod: spec.id, detail }, 'a VM is ended');
      await machine.vmm.kill({ reason: 'crashed', detail });
    }
  }

  /** The VM counts, and not the sleeper in `dir`. */
  async #runOn(machine: Machine, spec: VmSpec, dir: string): Promise<void> {
    unsealSleeper(dir);
    await goOn(machine.vmm, this.#world.clock);
    await this.settle(machine, spec, dir);
  }

  /**
   * Of a VM that runs on, or has ended since: what is left of its sleeper goes, and then nothing tells of it any more. What can't be
   * done now, the next daemon does.
   */
  async settle(machine: Machine, spec: VmSpec, dir: string): Promise<void> {
    const { yard, logger } = this.#world;
    try {
      // First, as it may be what fills the disk.
      await removeSleeper(dir);
      if (spec.network) await yard.keepTap(machine, 'goes');
      writeRecord(machine.dir, { ...machine.record, spec });
    } catch (error) {
      if (machine.vmm.lost) return;
      logger.error({ pod: spec.id, error: messageOf(error) }, 'something of its sleep is left to a VM');
    }
  }

  /** Those that are awake go on. */
  close(): Promise<void> {
    return this.#world.blanks.close();
  }

  /** A VM of an earlier daemon runs on, if it stands still between. Answers it as its record is now. */
  async adopt(machine: Machine, spec: VmSpec): Promise<Machine> {
    const { sleeper, ...record } = machine.record;
    if (sleeper === undefined) return machine;
    const adopted = { ...machine, record };
    await this.#runOn(adopted, spec, sleeper);
    return adopted;
  }

  /** A VM that stands where the sleeper does, without its disks. Its record says `claiming`; the sleeper is as it was. */
  async rise(
    spec: VmSpec,
    dir: string,
    accelerator: Accelerator,
    { tap, signal }: { readonly tap?: StayedTap | undefined; readonly signal?: AbortSignal | undefined },
  ): Promise<Machine> {
    const { yard, basis, blanks, logger } = this.#world;
    await checkSleeper(dir, spec, basis);
    const blank = blanks.ready(spec.size);
    const { manifest: _, ...files } = filesOfSleeper(dir);
    const plan = { weight: 'normal', tap } as const;
    if (blank) {
      try {
        const machine = await yard.fork(blank.machine, { ...plan, sleeper: files }, signal);
        return await this.#load(machine, spec, signal);
      } catch (error) {
        if (signal?.aborted) throw error;
        logger.warn({ pod: spec.id, error: messageOf(error) }, 'a woken VM could not be forked');
      }
    }
    await using state = await open(files.state);
    const { memory: memoryPath, layout: layoutPath } = files;
    const clone = { mode: 'clone', size: spec.size, accelerator, memoryPath, layoutPath } as const;
    const launched = await yard.launch({ ...plan, ...clone, stateFd: state.fd }, signal);
    const machine = await this.#load(launched, spec, signal);
    // One that has just died is no lesson for the next.
    if (blank && (await isAlive(blank.machine.vmm.identity.mark))) blanks.discard(blank);
    return machine;
  }

  /** The machine is the one that slept, or none. */
  async #load(machine: Machine, spec: VmSpec, signal: AbortSignal | undefined): Promise<Machine> {
    const { yard, clock } = this.#world;
    const record = { ...machine.record, state: 'claiming' as const, spec };
    try {
      writeRecord(machine.dir, record);
      await loadState(machine.vmm, stateFd, clock, signal);
      return { ...machine, record };
    } catch (error) {
      await yard.release(machine);
      throw error;
    }
  }

  /**
   * The VM that has risen is the pod's, and runs; it is to be settled. What fails once `awake` has returned is the end of the VM and
   * of the sleeper.
   */
  async begin(risen: Machine, spec: VmSpec, dir: string, awake: () => void): Promise<Machine> {
    const machine = { ...risen, record: { ...risen.record, state: 'claimed' as const } };
    writeRecord(machine.dir, { ...machine.record, sleeper: dir });
    awake();
    unsealSleeper(dir);
    try {
      await machine.vmm.execute('cont');
      return machine;
    } catch (error) {
      await this.settle(machine, spec, dir);
      throw error;
    }
  }
}

/** What the caller of a sleep had to say against it. */
class NotNoted extends Error {}

function callBack(asleep: () => void): void {
  try {
    asleep();
  } catch (error) {
    throw new NotNoted('not noted', { cause: error });
  }
}

/** Why a VM does not fall asleep, in the words of `Vm.sleep`. */
function reasonOf(error: unknown, { id }: VmSpec): KraudError {
  if (isErrno(error, 'ENOSPC', 'EDQUOT')) {
    return new KraudError('exhausted', `no space on the host for pod ${id} to sleep`, { cause: error });
  }
  if (error instanceof KraudError && error.code === 'conflict') return error;
  return new KraudError('unavailable', `pod ${id} does not fall asleep: ${messageOf(error)}`, {
    cause: error,
  });
}

async function makeDir(dir: string): Promise<void> {
  await mkdir(dirname(dir), { recursive: true, mode: 0o700 });
  try {
    await mkdir(dir, { mode: 0o700 });
  } catch (error) {
    if (isErrno(error, 'EEXIST'))
      throw new KraudError('conflict', `${dir} is there already`, { cause: error });
    throw error;
  }
}

async function syncFile(path: string): Promise<void> {
  await using file = await open(path);
  await file.datasync();
}

async function allocated(file: FileHandle): Promise<number> {
  const blockBytes = 512;
  return (await file.stat()).blocks * blockBytes;
}
