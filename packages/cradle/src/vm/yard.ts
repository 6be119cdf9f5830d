import { chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type Logger, messageOf, newShortId, type Random } from '@kraud/base';
import type { Accelerator, SizeClass, StayedTap, VmExit, VmSpec } from '../contract.ts';
import type { Cgroups } from '../jail/cgroups.ts';
import { forkJailed } from '../jail/fork.ts';
import { type JailOptions, launchJailed, makeVmDir, sealRun } from '../jail/launch.ts';
import { killVm, removeVm } from '../jail/remove.ts';
import { keepTap } from '../jail/tap.ts';
import type { JailTools } from '../jail/tools.ts';
import type { Uids } from '../jail/uids.ts';
import type { CradleLimits } from '../limits.ts';
import { isAlive, type ProcessMark } from '../process.ts';
import { vmmArguments } from '../vmm/arguments.ts';
import { Vmm } from '../vmm/vmm.ts';
import { DiskSlots } from './disk-slots.ts';
import { readRecord, type VmRecord, vmNames, writeRecord } from './record.ts';

/** A VM with a live VMM, in its jail, whoever it is for. */
export interface Machine {
  readonly record: VmRecord;
  readonly dir: string;
  readonly vmm: Vmm;
  readonly disks: DiskSlots;
}

/** A VM of an earlier daemon, which is being taken over. */
export interface Kept {
  readonly record: VmRecord;
  readonly spec: VmSpec;
  /** Undefined when it could not be: it is gone then, unless that was given up. */
  readonly machine: Promise<Machine | undefined>;
}

export interface LaunchPlan {
  readonly size: SizeClass;
  readonly accelerator: Accelerator;
  readonly mode: 'make' | 'clone' | 'mould';
  /** The guest's memory: the template's own for clones, a new file for `make`. */
  readonly memoryPath: string;
  /** Of a clone that slept: where the pages in that file belong. */
  readonly layoutPath?: string;
  /** Device state for a clone. */
  readonly stateFd?: number;
  /** The tap that it takes over; without, it has a fresh one. */
  readonly tap?: StayedTap | undefined;
  /** `background` for what nobody waits for. */
  readonly weight: 'background' | 'normal';
}

export interface ForkPlan extends Pick<LaunchPlan, 'weight' | 'tap'> {
  /** Whose memory and state a mould that has none is given. */
  readonly sleeper?: Readonly<Record<'memory' | 'layout' | 'state', string>>;
}

export interface YardOptions {
  readonly dataDir: string;
  readonly bootId: string;
  readonly vmmPath: string;
  readonly readOnlyMemory: boolean;
  readonly kernel: string;
  readonly initramfs: string;
  readonly tools: JailTools;
  readonly tscKhz: number;
  readonly cgroups: Cgroups;
  readonly uids: Uids;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits: CradleLimits;
}

/**
 * Where VMs are put up and taken down. Each has a directory `vms/NAME`, a control group NAME and a user of its own;
 * all three are there from before its first process until after its last.
 */
export class Yard {
  readonly #options: YardOptions;
  readonly #vmsDir: string;

  constructor(options: YardOptions) {
    this.#options = options;
    this.#vmsDir = join(options.dataDir, 'vms');
  }

  /** Answers once QMP is up; a VM that fails to come up, or is no longer wanted, leaves nothing. */
  launch(plan: LaunchPlan, signal?: AbortSignal): Promise<Machine> {
    const { kernel, initramfs, tools, vmmPath, readOnlyMemory, tscKhz } = this.#options;
    const { mode, memoryPath, layoutPath } = plan;
    const kind = plan.accelerator.kind;
    const clonePreload = layoutPath ? 'sleeper' : !readOnlyMemory && 'privateMemory';
    const preload = mode === 'mould' ? mode : mode === 'clone' && clonePreload;
    return this.#put(
      plan,
      async (jail) => {
        if (mode === 'make') await chown(memoryPath, jail.uid, jail.uid);
        return await launchJailed(tools, {
          ...jail,
          files: [
            { source: memoryPath, name: 'memory', writable: mode === 'make' },
            ...(layoutPath ? [{ source: layoutPath, name: 'layout' }] : []),
            ...(mode === 'make'
              ? [
                  { source: kernel, name: 'kernel' },
                  { source: initramfs, name: 'initramfs' },
                ]
              : []),
          ],
          kvm: kind === 'kvm',
          ...(preload ? { preload } : {}),
          ...(plan.tap ? { tap: plan.tap } : {}),
          ...(plan.stateFd === undefined ? {} : { stateFd: plan.stateFd }),
          command: [
            vmmPath,
            ...vmmArguments({ accelerator: kind, size: plan.size, mode, readOnlyMemory, tscKhz }),
          ],
        });
      },
      signal,
    );
  }

  /** As `launch`, of a VM that stands where the mould does; with a sleeper, of one that waits for that one's state at `stateFd`. */
  fork(mould: Machine, { weight, sleeper, tap }: ForkPlan, signal?: AbortSignal): Promise<Machine> {
    const { size, accelerator, name } = mould.record;
    // It forks in its own control group, and uses nothing otherwise.
    this.#options.cgroups.weigh(name, 'normal');
    return this.#put(
      { size, accelerator, weight, mode: 'clone' },
      (jail) =>
        forkJailed(mould.dir, {
          ...jail,
          files: Object.entries(sleeper ?? {}).map(([name, source]) => ({ source, name })),
          ...(tap ? { tap } : {}),
        }),
      signal,
    );
  }

  async #put(
    plan: Pick<LaunchPlan, 'size' | 'accelerator' | 'mode' | 'weight'>,
    start: (jail: Pick<JailOptions, 'dir' | 'uid' | 'cgroups' | 'hostPaths'>) => Promise<ProcessMark>,
    signal?: AbortSignal,
  ): Promise<Machine> {
    const { cgroups, uids, limits, clock } = this.#options;
    const name = newShortId(this.#options.random);
    const dir = join(this.#vmsDir, name);
    const uid = uids.take();
    const making: VmRecord = {
      version: 1,
      name,
      bootId: this.#options.bootId,
      uid,
      state: 'making',
      size: plan.size,
      accelerator: plan.accelerator,
      warm: false,
    };
    try {
      await makeVmDir(dir, uid);
      writeRecord(dir, making);
      await cgroups.make(name);
      await cgroups.limit(name, { memoryBytes: plan.size.memoryMiB * 1024 * 1024 + limits.overheadBytes });
      cgroups.weigh(name, plan.weight);
      const mark = await start({ dir, uid, cgroups: cgroups.dirs(name), hostPaths: plan.size.hostPaths });
      const record = { ...making, mark };
      writeRecord(dir, record);
      const vmm = await Vmm.connect({ name, dir, mark }, { clock, cgroups, signal });
      if (plan.mode !== 'make') await sealRun(dir);
      return { record, dir, vmm, disks: new DiskSlots(vmm, uid) };
    } catch (error) {
      await this.#remove(name, uid);
      throw error;
    }
  }

  /** Ends the VM and removes all it had. */
  async release(machine: Machine, ending?: VmExit): Promise<void> {
    await machine.vmm.kill(ending);
    await this.#remove(machine.record.name, machine.record.uid, { launched: true });
  }

  /** Whether the VM's tap, wherever it is, is to stay there once the VM has ended. */
  keepTap({ vmm }: Machine, becomes: 'stays' | 'goes'): Promise<void> {
    return keepTap(this.#options.tools, vmm.identity.mark, becomes);
  }

  /**
   * Keeps what a claimed VM of an earlier daemon needs; removes everything else. Each of the kept is taken over for itself: one
   * whose VMM is silent keeps nobody waiting. A VM whose sleeper counts, says `isAsleep`, is not kept. Those that have not been when `left` aborts stay as they are.
   */
  async sweep(left: AbortSignal, isAsleep: (id: string, dir: string) => boolean): Promise<Kept[]> {
    const { cgroups, uids } = this.#options;
    await mkdir(this.#vmsDir, { recursive: true, mode: 0o700 });
    const kept: Kept[] = [];
    for (const name of new Set([...(await vmNames(this.#vmsDir)), ...(await cgroups.names())])) {
      const dir = join(this.#vmsDir, name);
      const record = await readRecord(dir);
      if (record) uids.reserve(record.uid);
      const sameBoot = record?.bootId === this.#options.bootId;
      const { spec, mark } = record ?? {};
      const counts =
        sameBoot &&
        record.state === 'claimed' &&
        !(record.sleeper && isAsleep(spec?.id ?? '', record.sleeper));
      if (counts && spec && mark && (await isAlive(mark))) {
        kept.push({ record, spec, machine: this.#takeOver({ record, dir, mark }, left) });
      } else await this.#remove(name, record?.uid);
    }
    return kept;
  }

  /** Ends a VM that was kept and not taken over. */
  async discard({ record }: Kept): Promise<void> {
    await this.#remove(record.name, record.uid);
  }

  async #takeOver(
    { record, dir, mark }: Pick<Machine, 'record' | 'dir'> & { readonly mark: ProcessMark },
    signal: AbortSignal,
  ): Promise<Machine | undefined> {
    const { cgroups, clock, logger, limits } = this.#options;
    const { name, uid, spec } = record;
    try {
      const world = { clock, cgroups, signal, silenceMs: limits.bootTimeoutMs };
      const vmm = await Vmm.connect({ name, dir, mark }, world);
      return { record, dir, vmm, disks: new DiskSlots(vmm, uid, { adopted: true }) };
    } catch (error) {
      if (signal.aborted) return undefined;
      const words = { vm: name, pod: spec?.id, error: messageOf(error) };
      logger.warn(words, 'cannot take over a VM: removed');
      await this.#remove(name, uid);
      return undefined;
    }
  }

  async #remove(name: string, uid: number | undefined, { launched } = { launched: false }): Promise<void> {
    const { cgroups, clock, uids } = this.#options;
    const dir = join(this.#vmsDir, name);
    await killVm(name, dir, cgroups, clock, { launched });
    await removeVm(name, dir, cgroups, clock);
    if (uid !== undefined) uids.release(uid);
  }
}
