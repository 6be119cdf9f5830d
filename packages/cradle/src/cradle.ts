import { createHash } from 'node:crypto';
import { existsSync, linkSync, renameSync } from 'node:fs';
import { mkdir, readFile, realpath, rm } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { codeOf, KraudError, MiB, messageOf, must } from '@kraud/base';
import {
  type Accelerator,
  type Cradle,
  type CradleStatus,
  diskSlots,
  type KeptVm,
  type SizeClass,
  type StartOptions,
  type Vm,
  type VmSpec,
  type WakeOptions,
} from './contract.ts';
import { DiskMaker } from './disk/ext4.ts';
import type { GuestClient } from './guest/index.ts';
import { Cgroups } from './jail/cgroups.ts';
import { bindHostPaths } from './jail/mounts.ts';
import { buildJailTools } from './jail/tools.ts';
import { Uids } from './jail/uids.ts';
import type { CradleOptions } from './options.ts';
import { Sleep } from './sleep/sleep.ts';
import { ExpectedSlots } from './slots/expected.ts';
import { Moulds } from './slots/moulds.ts';
import { SlotPool } from './slots/pool.ts';
import { Quiet } from './slots/quiet.ts';
import { makeRehearsalImage } from './slots/rehearsal.ts';
import { type Blank, type Mould, type Slot, SlotMaker } from './slots/slot-maker.ts';
import { basisKey } from './template/key.ts';
import { TemplateStore } from './template/store.ts';
import type { DiskFile } from './vm/disk-slots.ts';
import { connectAgent } from './vm/guest.ts';
import { PodVm } from './vm/pod-vm.ts';
import { writeRecord } from './vm/record.ts';
import { checkSpec, dataPathsOf, filesOf } from './vm/spec.ts';
import { tapOf } from './vm/tap.ts';
import { type Kept, type Machine, Yard } from './vm/yard.ts';
import { chooseAccelerator } from './vmm/accelerator.ts';
import { cpuModel, layoutVersion } from './vmm/arguments.ts';
import { tscKhz } from './vmm/tsc.ts';
import { vmmVersion } from './vmm/version.ts';

interface Parts {
  readonly accelerator: Accelerator;
  readonly vmm: string;
  readonly yard: Yard;
  readonly maker: SlotMaker;
  readonly templates: TemplateStore;
  readonly pool: SlotPool;
  readonly expected: ExpectedSlots;
  readonly moulds: Moulds<Mould>;
  readonly quiet: Quiet;
  readonly cgroups: Cgroups;
  readonly sleep: Sleep;
}

export function openCradle(options: CradleOptions): Cradle {
  return new QemuCradle(options);
}

/** The cradle over QEMU. All that it has on the host is below its data directory and its control group. */
class QemuCradle implements Cradle {
  readonly #options: CradleOptions;
  readonly #diskMaker: DiskMaker;
  readonly #vms = new Map<string, PodVm>();
  readonly #claiming = new Map<string, VmSpec>();
  /** VMs of an earlier daemon that have not answered yet. */
  readonly #adopting = new Set<Kept>();
  /** Aborts when those are waited for no longer. */
  readonly #left = new AbortController();
  #parts: Parts | undefined;
  #closed = false;

  constructor(options: CradleOptions) {
    this.#options = options;
    this.#diskMaker = new DiskMaker(join(options.dataDir, 'scratch'));
  }

  async start({ isAsleep = () => false }: StartOptions = {}): Promise<KeptVm[]> {
    const { limits, clock, random, logger, guest } = this.#options;
    const version = await vmmVersion(this.#vmmPath);
    await mkdir(this.#options.dataDir, { recursive: true, mode: 0o700 });
    const dataDir = await realpath(this.#options.dataDir);
    const scratchDir = join(dataDir, 'scratch');
    await rm(scratchDir, { recursive: true, force: true });
    await mkdir(scratchDir, { mode: 0o700 });
    const cgroups = await Cgroups.open(instanceName(dataDir));
    const tools = await buildJailTools(join(this.#options.cacheDir, 'jail'));
    const khz = await tscKhz(tools, join(dataDir, 'tsc-khz'));
    const boot = await bootId();
    const hostCpu = cpus()[0]?.model ?? '';
    const yard = new Yard({
      bootId: boot,
      dataDir,
      vmmPath: this.#vmmPath,
      readOnlyMemory: version.readOnlyMemory,
      kernel: guest.kernel,
      initramfs: guest.initramfs,
      tools,
      tscKhz: khz,
      cgroups,
      uids: new Uids({ first: limits.uidFirst, count: limits.uidCount }),
      clock,
      random,
      logger,
      limits,
    });
    const kept = await yard.sweep(this.#left.signal, isAsleep);
    const maker = new SlotMaker({
      yard,
      diskMaker: this.#diskMaker,
      rehearsalImage: await makeRehearsalImage(join(dataDir, 'rehearsal')),
      writableBytes: this.#options.writableBytes,
      scratchDir,
      clock,
      logger,
      limits,
      moulds: () => this.#parts?.moulds,
    });
    const accelerator = await chooseAccelerator({
      wanted: this.#options.accelerator ?? 'auto',
      cachePath: join(dataDir, 'accelerator.json'),
      basis: [boot, version.text, guest.kernelHash],
      probe: () => maker.probe({ kind: 'kvm', reason: 'probe' }, this.#options.defaultSize),
    });
    logger.info({ accelerator: accelerator.kind, reason: accelerator.reason }, 'accelerator chosen');
    const templates = new TemplateStore({
      dir: join(dataDir, 'templates'),
      basis: basisKey({
        accelerator: accelerator.kind,
        vmmVersion: version.text,
        kernelHash: guest.kernelHash,
        agentHash: guest.agentHash,
        hostCpu,
        tscKhz: khz,
        writableBytes: this.#options.writableBytes,
      }),
      snapshot: (size, files) => maker.snapshot(accelerator, size, files),
      logger,
    });
    await templates.sweep();
    const quiet = new Quiet(clock);
    const mouldOptions = {
      // Without emulation there is nothing that a clone would have to translate.
      max: accelerator.kind === 'tcg' ? limits.mouldsMax : 0,
      keptMs: limits.demandWindowMs,
      defaultSize: this.#options.defaultSize,
      clock,
      logger,
      quiet,
      release: ({ machine }: Blank) => yard.release(machine),
    };
    const blanks = new Moulds({
      ...mouldOptions,
      make: (size, signal) => maker.blank(size, accelerator, signal),
    });
    const sleep = new Sleep({
      blanks,
      yard,
      basis: {
        vmm: version.text,
        layout: layoutVersion,
        accelerator: accelerator.kind,
        cpu: accelerator.kind === 'kvm' ? hostCpu : cpuModel(accelerator.kind),
        tscKhz: khz,
      },
      clock,
      logger,
      silenceMs: limits.bootTimeoutMs,
    });
    const moulds = new Moulds({
      ...mouldOptions,
      make: (size, signal) => maker.mould(templates, size, accelerator, signal),
    });
    const pool = new SlotPool({
      warmMax: limits.warmMax,
      windowMs: limits.demandWindowMs,
      defaultSize: this.#options.defaultSize,
      clock,
      logger,
      quiet,
      make: async (size, signal) => {
        const slot = await maker.warm(templates, size, accelerator, signal);
        this.#tellSlot(slot);
        return slot;
      },
      release: (slot) => this.#release(slot),
    });
    const expected = new ExpectedSlots({
      keptMs: limits.expectedMs,
      clock,
      logger,
      begin: async (size) => {
        const slot = await maker.begin(templates, size, accelerator, 'normal');
        this.#tellSlot(slot);
        return slot;
      },
      release: (slot) => this.#release(slot),
    });
    this.#parts = {
      accelerator,
      vmm: `QEMU ${version.text}`,
      yard,
      maker,
      templates,
      pool,
      expected,
      moulds,
      quiet,
      cgroups,
      sleep,
    };
    const vms = kept.map((item) => ({ spec: item.spec, vm: this.#adopt(item) }));
    pool.run();
    return vms;
  }

  expect(size: SizeClass): void {
    const { pool, expected, quiet } = this.#started();
    quiet.expect();
    if (!this.#closed && !pool.has(size)) expected.begin(size);
  }

  async claim(spec: VmSpec, signal?: AbortSignal): Promise<Vm> {
    checkSpec(spec);
    return await this.#alone(spec, signal, () => this.#claim(spec, signal));
  }

  async wake(spec: VmSpec, dir: string, options: WakeOptions): Promise<Vm> {
    checkSpec(spec, { claimed: true });
    return await this.#alone(spec, options.signal, () => this.#wake(spec, dir, options));
  }

  /** `make` makes the VM of a pod that has none, of disks that no other has. */
  async #alone(spec: VmSpec, signal: AbortSignal | undefined, make: () => Promise<Vm>): Promise<Vm> {
    const { quiet } = this.#started();
    signal?.throwIfAborted();
    if (this.#closed) throw new KraudError('unavailable', 'the cradle is closed');
    if (this.#vms.has(spec.id) || this.#claiming.has(spec.id)) {
      throw new KraudError('conflict', `pod ${spec.id} has a VM already`);
    }
    this.#checkDisksFree(dataPathsOf(spec), spec.id);
    this.#claiming.set(spec.id, spec);
    try {
      return await quiet.during(make);
    } finally {
      this.#claiming.delete(spec.id);
    }
  }

  accelerator(): Accelerator {
    return this.#started().accelerator;
  }

  status(): CradleStatus {
    const { pool, moulds, templates, vmm } = this.#started();
    return {
      warm: pool.count(),
      warmMax: this.#options.limits.warmMax,
      moulds: moulds.list(),
      running: this.#vms.size,
      templates: templates.list().map(({ size, key }) => ({ size, key })),
      vmm,
      guestKernel: this.#options.guest.kernelVersion,
    };
  }

  createDisk(path: string, sizeBytes: number): Promise<void> {
    return this.#diskMaker.create(path, sizeBytes);
  }

  async close(options: { readonly keepRunning: boolean }): Promise<void> {
    this.#closed = true;
    if (!this.#parts) return;
    this.#left.abort();
    const { pool, expected, moulds, sleep, yard } = this.#parts;
    await Promise.all([pool.close(), expected.close(), moulds.close(), sleep.close()]);
    if (!options.keepRunning) await Promise.all([...this.#adopting].map((kept) => yard.discard(kept)));
    const vms = [...this.#vms.values()];
    if (options.keepRunning) for (const vm of vms) vm.abandon();
    else await Promise.all(vms.map((vm) => vm.stop()));
    await this.#parts.cgroups.close();
  }

  get #vmmPath(): string {
    return this.#options.vmmPath ?? '/usr/bin/qemu-system-x86_64';
  }

  /** A file system that two kernels write is lost: a data disk is one VM's at a time. */
  #checkDisksFree(paths: readonly string[], id: string): void {
    const wanted = new Set(paths);
    const specs = [...this.#claiming.values(), ...[...this.#vms.values()].map((vm) => vm.spec)];
    for (const other of specs) {
      const taken = other.id === id ? undefined : dataPathsOf(other).find((path) => wanted.has(path));
      if (taken !== undefined) throw new KraudError('conflict', `${taken} is in use by pod ${other.id}`);
    }
  }

  #started(): Parts {
    return must(this.#parts, 'the cradle was not started');
  }

  /** A slot may have died while it waited, or its guest may not answer: then the next way is tried. */
  async #claim(spec: VmSpec, signal?: AbortSignal): Promise<Vm> {
    const { pool, expected, maker, templates, accelerator } = this.#started();
    const startMs = this.#options.clock.monotonic();
    const { size } = spec;
    for (const take of [() => pool.take(size), () => expected.take(size)]) {
      try {
        const slot = await take();
        if (slot) return await this.#settle(slot, spec, startMs, signal);
      } catch (error) {
        if (!['unavailable', 'timeout'].includes(codeOf(error)) || signal?.aborted) throw error;
        this.#options.logger.warn({ pod: spec.id, error: messageOf(error) }, 'a slot was of no use');
      }
    }
    const made = await maker.clone(templates, size, accelerator, 'normal', signal);
    return await this.#settle(made, spec, startMs, signal);
  }

  /** Makes a slot this pod's; a slot that can't be is ended. */
  async #settle(slot: Slot, spec: VmSpec, startMs: number, signal?: AbortSignal): Promise<Vm> {
    const { clock } = this.#options;
    const slotAtMs = clock.monotonic();
    try {
      const machine = await this.#furnish(slot, spec);
      const disksAtMs = clock.monotonic();
      const guest = await slot.guest;
      signal?.throwIfAborted();
      const record = { ...machine.record, state: 'claimed' as const };
      writeRecord(machine.dir, record);
      return this.#own({ ...machine, record }, spec, guest, {
        slotMs: slotAtMs - startMs,
        disksMs: disksAtMs - slotAtMs,
        guestMs: clock.monotonic() - disksAtMs,
      });
    } catch (error) {
      await this.#release(slot);
      throw error;
    }
  }

  async #release({ machine, guest }: Slot): Promise<void> {
    guest.then(
      (client) => client.close(),
      () => {},
    );
    await this.#started().yard.release(machine);
  }

  /** Puts the pod's disks and host paths in place. The record names them first, so that a sweep gives them back. */
  async #furnish(slot: Slot, spec: VmSpec): Promise<Machine> {
    const { cgroups } = this.#started();
    const { machine } = slot;
    const { name } = machine.record;
    const record = { ...machine.record, state: 'claiming' as const, spec };
    writeRecord(machine.dir, record);
    const files = await this.#prepareDisks(slot, spec);
    await bindHostPaths(machine.dir, spec.hostPaths);
    cgroups.weigh(name, 'normal');
    await this.#limit(name, spec);
    await machine.disks.attach(files);
    // A guest that lets go of its spare disk runs already.
    await machine.vmm.execute('cont');
    return { ...machine, record };
  }

  async #limit(name: string, { limits, size }: VmSpec): Promise<void> {
    if (!limits) return;
    const memoryBytes = size.memoryMiB * MiB + this.#options.limits.overheadBytes;
    await this.#started().cgroups.limit(name, { memoryBytes, ...limits });
  }

  async #wake(spec: VmSpec, dir: string, { tap, awake, signal }: WakeOptions): Promise<Vm> {
    const { sleep, yard, accelerator } = this.#started();
    const { clock, limits } = this.#options;
    const startMs = clock.monotonic();
    const risen = await sleep.rise(spec, dir, accelerator, { tap, signal });
    try {
      const slotAtMs = clock.monotonic();
      await risen.disks.attach(filesOf(spec));
      await this.#limit(risen.record.name, spec);
      signal?.throwIfAborted();
      const disksAtMs = clock.monotonic();
      // It finds the question when it goes on.
      const connecting = connectAgent(risen.vmm, { clock, timeoutMs: limits.bootTimeoutMs });
      connecting.catch(() => {});
      const machine = await sleep.begin(risen, spec, dir, awake);
      const guest = await connecting.catch(async (error: unknown) => {
        await sleep.settle(machine, spec, dir);
        throw error;
      });
      const phases = {
        slotMs: slotAtMs - startMs,
        disksMs: disksAtMs - slotAtMs,
        guestMs: clock.monotonic() - disksAtMs,
      };
      return this.#own(machine, spec, guest, phases, dir);
    } catch (error) {
      await yard.release(risen);
      throw error;
    }
  }

  /** Makes the pod's writable disk, if it is to be made, or a spare one takes the place of a fresh one; answers what is still to be attached. */
  async #prepareDisks({ machine, guest, spare }: Slot, spec: VmSpec): Promise<DiskFile[]> {
    const { path, create } = spec.writable;
    const files = filesOf(spec);
    const missing = create && !existsSync(path) ? create : undefined;
    if ((missing?.sizeBytes ?? this.#diskMaker.untouched(path)) === spare.sizeBytes) {
      const temporary = `${path}.${machine.record.name}.new`;
      linkSync(spare.path, temporary);
      renameSync(temporary, path);
      return files.filter(({ node }) => node !== diskSlots.writable);
    }
    if (missing) await this.#diskMaker.create(path, missing.sizeBytes);
    await machine.vmm.execute('cont');
    await (await guest).mountDisks([]);
    return files;
  }

  #tellSlot({ machine }: Slot): void {
    const { onSlot, logger } = this.#options;
    const { name, mark } = { name: machine.record.name, mark: machine.vmm.identity.mark };
    onSlot?.(tapOf(mark.pid, name)).catch((error: unknown) => {
      logger.warn({ vm: name, error: messageOf(error) }, 'could not prepare the tap of a slot');
    });
  }

  #own(machine: Machine, spec: VmSpec, guest: GuestClient, phases: PodVm['phases'], sleptIn?: string): PodVm {
    const { clock, logger, limits } = this.#options;
    const vm = new PodVm({
      machine,
      spec,
      guest,
      tap: spec.network ? tapOf(machine.vmm.identity.mark.pid, spec.id) : undefined,
      phases,
      sleptIn,
      yard: this.#started().yard,
      sleep: this.#started().sleep,
      clock,
      logger,
      connectTimeoutMs: limits.bootTimeoutMs,
      stopTimeoutMs: limits.stopTimeoutMs,
      checkDiskFree: (path) => this.#checkDisksFree([path], spec.id),
      onGone: () => this.#vms.delete(spec.id),
    });
    this.#vms.set(spec.id, vm);
    return vm;
  }

  /** Once its guest answers. Until then the pod has a VM, and its disks are taken. */
  async #adopt(kept: Kept): Promise<PodVm | undefined> {
    const { clock, logger, limits } = this.#options;
    const { spec } = kept;
    const { signal } = this.#left;
    this.#claiming.set(spec.id, spec);
    this.#adopting.add(kept);
    let machine: Machine | undefined;
    try {
      machine = await kept.machine;
      if (!machine) return undefined;
      machine = await this.#started().sleep.adopt(machine, spec);
      const guest = await connectAgent(machine.vmm, { clock, timeoutMs: limits.bootTimeoutMs, signal });
      this.#adopting.delete(kept);
      return this.#own(machine, spec, guest, undefined);
    } catch (error) {
      if (signal.aborted) {
        machine?.vmm.abandon();
        return undefined;
      }
      const words = { pod: spec.id, error: messageOf(error) };
      logger.warn(words, 'a VM of an earlier daemon does not answer: removed');
      if (machine) await this.#started().yard.release(machine);
      return undefined;
    } finally {
      if (!signal.aborted) this.#adopting.delete(kept);
      this.#claiming.delete(spec.id);
    }
  }
}

/** Tells the control groups of several daemons on one host apart. */
export function instanceName(dataDir: string): string {
  return createHash('sha256').update(dataDir).digest('hex').slice(0, 12);
}

/** Directories of which each holds one control group per VM of the cradle with this data directory; none without control groups. */
export async function vmGroups(dataDir: string): Promise<string[]> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  return (await Cgroups.of(instanceName(await realpath(dataDir)))).parents;
}

async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}
