import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { KraudError } from '@kraud/base';
import type { VmExit, VmSpec, VmVolume } from '@kraud/cradle';
import type { HostCradle, HostVm, KeptVm } from '@kraud/host';
import { FakeMachine, type FakePrograms } from './fake-machine.ts';
import { live } from './live.ts';

interface Slot {
  readonly machine: FakeMachine;
  spec: VmSpec;
  readonly exited: Promise<VmExit>;
  readonly end: (exit: VmExit) => void;
}

/** All VMs of a make-believe host. They outlive the daemons that made them. */
export class FakeCradle implements HostCradle {
  readonly [live] = true;
  readonly #programs: FakePrograms;
  readonly #slots = new Map<string, Slot>();
  /** Those that sleep, by where. */
  readonly #sleepers = new Map<string, Slot>();
  /** Every machine that there ever was, oldest first. */
  readonly machines: FakeMachine[] = [];
  /** Of every VMM. */
  pid = 4242;
  /** What the next claims wait for. */
  claimGate: Promise<void> = Promise.resolve();
  claimFailure: unknown;
  /** Guests of the next claims answer nothing. */
  hangs = false;
  /** What VMs wait for, by id, before they answer the next daemon. */
  readonly adoptGates = new Map<string, Promise<void>>();
  /** Why nothing falls asleep, or wakes. */
  sleepFailure: unknown;
  wakeFailure: unknown;
  /** What VMs that are stopped wait for before they go. */
  stopGate: Promise<void> = Promise.resolve();

  constructor(programs: FakePrograms) {
    this.#programs = programs;
  }

  get running(): readonly string[] {
    return [...this.#slots.keys()];
  }

  machine(id: string): FakeMachine {
    const slot = this.#slots.get(id);
    if (!slot) throw new KraudError('not-found', `no VM ${id}`);
    return slot.machine;
  }

  /** The VMM is killed from outside. */
  crash(id: string, reason: VmExit['reason'] = 'killed'): void {
    this.#end(id, { reason, detail: 'by the test' });
  }

  async start(): Promise<KeptVm[]> {
    return [...this.#slots.values()].map((slot) => ({
      [live]: true,
      spec: slot.spec,
      vm: this.#adopt(slot),
    }));
  }

  async #adopt(slot: Slot): Promise<HostVm> {
    await this.adoptGates.get(slot.spec.id);
    return this.#handle(slot);
  }

  async claim(spec: VmSpec, signal?: AbortSignal): Promise<HostVm> {
    if (this.#slots.has(spec.id)) throw new KraudError('conflict', `there is a VM ${spec.id} already`);
    await this.claimGate;
    signal?.throwIfAborted();
    if (this.claimFailure !== undefined) throw this.claimFailure;
    if (this.#slots.has(spec.id)) throw new KraudError('conflict', `there is a VM ${spec.id} already`);
    for (const volume of spec.volumes.filter(isHere)) this.#checkFree(volume, spec.id);
    const machine = new FakeMachine(spec.id, this.#programs);
    machine.hung = this.hangs;
    const slot = slotOf(machine, spec);
    this.machines.push(machine);
    this.#slots.set(spec.id, slot);
    return this.#handle(slot);
  }

  async wake(spec: VmSpec, dir: string, options: { readonly awake: () => void }): Promise<HostVm> {
    if (this.wakeFailure !== undefined) throw this.wakeFailure;
    const sleeper = this.#sleepers.get(dir);
    if (!sleeper || !existsSync(dir)) throw new KraudError('not-found', `nothing sleeps in ${dir}`);
    for (const volume of spec.volumes.filter(isHere)) this.#checkFree(volume, spec.id);
    options.awake();
    this.#sleepers.delete(dir);
    rmSync(dir, { recursive: true });
    sleeper.machine.asleep = false;
    const slot = slotOf(sleeper.machine, spec);
    this.#slots.set(spec.id, slot);
    return this.#handle(slot);
  }

  expect(): void {}

  accelerator() {
    return { kind: 'tcg' as const, reason: 'it is a fake' };
  }

  status() {
    const { length } = this.running;
    return {
      warm: [],
      warmMax: 0,
      moulds: [],
      running: length,
      templates: [],
      vmm: 'fake',
      guestKernel: 'fake',
    };
  }

  async close({ keepRunning }: { readonly keepRunning: boolean }): Promise<void> {
    if (!keepRunning) for (const id of this.running) this.crash(id, 'stopped');
  }

  async createDisk(path: string): Promise<void> {
    if (existsSync(path)) throw new KraudError('exists', `${path} exists`);
    writeFileSync(path, '');
  }

  #checkFree({ path }: VmVolume, id: string): void {
    for (const { spec } of this.#slots.values()) {
      if (spec.id !== id && spec.volumes.some((volume) => volume.path === path && isHere(volume)))
        throw new KraudError('conflict', `${path} is in use by pod ${spec.id}`);
    }
  }

  #setShare(slot: Slot, index: number, share: 'taken' | 'elsewhere'): void {
    const { spec } = slot;
    const volume = spec.volumes[index];
    if (volume?.share === undefined) throw new KraudError('invalid', 'no such shared volume');
    if (this.#slots.get(spec.id) !== slot) throw new KraudError('unavailable', 'the VM has ended');
    if (share === 'taken') this.#checkFree(volume, spec.id);
    const volumes = spec.volumes.map((present, at) => (at === index ? { ...present, share } : present));
    slot.spec = { ...spec, volumes };
    slot.machine.calls.push(`${share} ${index}`);
  }

  #sleep(slot: Slot, dir: string, asleep: () => void): void {
    if (this.sleepFailure !== undefined) throw this.sleepFailure;
    const { id } = slot.spec;
    if (this.#slots.get(id) !== slot) throw new KraudError('unavailable', 'the VM has ended');
    mkdirSync(dir);
    asleep();
    this.#sleepers.set(dir, slot);
    this.#slots.delete(id);
    slot.machine.asleep = true;
    slot.end({ reason: 'asleep', detail: '' });
  }

  #end(id: string, exit: VmExit, expected?: Slot): void {
    const slot = this.#slots.get(id);
    if (!slot || (expected && slot !== expected)) return;
    this.#slots.delete(id);
    slot.machine.end();
    slot.end(exit);
  }

  #handle(slot: Slot): HostVm {
    const { machine, exited } = slot;
    const { spec } = slot;
    const end = async (gate: Promise<void>): Promise<void> => {
      await Promise.race([gate, exited]);
      this.#end(spec.id, { reason: 'stopped', detail: '' }, slot);
    };
    const vm = {
      [live]: true,
      id: spec.id,
      get spec() {
        return slot.spec;
      },
      pid: this.pid,
      guest: machine.connect(),
      tap: spec.network ? { netnsPid: 1, name: 'tap0', mac: '02:00:00:00:00:01' } : undefined,
      accelerator: this.accelerator(),
      phases: { slotMs: 1, disksMs: 1, guestMs: 1 },
      warm: false,
      exited,
      reconnect: async () => {},
      stop: () => {
        machine.calls.push('stop');
        return end(this.stopGate);
      },
      kill: () => end(Promise.resolve()),
      sleep: async (dir: string, { asleep }: { readonly asleep: () => void }) =>
        this.#sleep(slot, dir, asleep),
      takeVolume: async (index: number) => this.#setShare(slot, index, 'taken'),
      dropVolume: async (index: number) => this.#setShare(slot, index, 'elsewhere'),
    };
    return vm;
  }
}

function slotOf(machine: FakeMachine, spec: VmSpec): Slot {
  const { promise, resolve } = Promise.withResolvers<VmExit>();
  return { machine, spec, exited: promise, end: resolve };
}

const isHere = ({ share }: VmVolume): boolean => share !== 'elsewhere';
