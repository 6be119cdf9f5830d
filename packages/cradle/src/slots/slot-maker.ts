import { open, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, KraudError, type Logger, MiB, messageOf, must, newShortId } from '@kraud/base';
import { type Accelerator, diskSlots, type SizeClass } from '../contract.ts';
import type { DiskMaker } from '../disk/ext4.ts';
import { encodePattern, type Pattern, writeDisk, writtenBlocks } from '../disk/pattern.ts';
import type { GuestClient } from '../guest/index.ts';
import { freezeMould } from '../jail/fork.ts';
import type { CradleLimits } from '../limits.ts';
import { isAlive } from '../process.ts';
import { loadState, saveState } from '../template/snapshot.ts';
import type { Template, TemplateFiles, TemplateStore } from '../template/store.ts';
import { connectAgent, rehearse, writableDisk } from '../vm/guest.ts';
import { writeRecord } from '../vm/record.ts';
import type { Machine, Yard } from '../vm/yard.ts';
import type { Moulds } from './moulds.ts';

/** A clone that waits for its pod. A warm one is rehearsed, and paused. */
export interface Slot {
  readonly machine: Machine;
  /** Settles once it is connected, which a warm one is. */
  readonly guest: Promise<GuestClient>;
  /** A fresh writable disk of nobody's is in its place already, mounted by the guest: the pod may have it. */
  readonly spare: SpareDisk;
  /** It is a fork of this one, and rehearsed like it. */
  readonly mould?: Mould;
}

/** A VMM that stands still, to be forked, and has no VM yet. */
export interface Blank {
  readonly machine: Machine;
}

/** A rehearsed VM that stands still, to be forked: never handed out itself. */
export interface Mould extends Blank {
  /** What is on the writable disk that its guest has mounted: each fork has a disk like this. */
  readonly writable: Pattern;
}

export interface SpareDisk {
  readonly path: string;
  readonly sizeBytes: number;
}

export interface SlotMakerOptions {
  readonly yard: Yard;
  readonly diskMaker: DiskMaker;
  readonly rehearsalImage: string;
  /** Of the spare disk: what most pods ask for. */
  readonly writableBytes: number;
  readonly scratchDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: CradleLimits;
  /** Where clones come from, if there is one of their class. */
  readonly moulds: () => Moulds<Mould> | undefined;
}

const stateFd = 3;
const rehearsals = 2;

/** Makes templates and clones of them. What fails, or is aborted, leaves nothing. */
export class SlotMaker {
  readonly #options: SlotMakerOptions;

  constructor(options: SlotMakerOptions) {
    this.#options = options;
  }

  /** A real boot until the guest answers: true is proof that the accelerator works. */
  async probe(accelerator: Accelerator, size: SizeClass): Promise<void> {
    const memoryPath = await this.#emptyMemory(size);
    try {
      const { machine, guest } = await this.#boot(
        accelerator,
        size,
        memoryPath,
        this.#options.limits.probeTimeoutMs,
      );
      guest.close();
      await this.#options.yard.release(machine);
    } finally {
      await rm(memoryPath, { force: true });
    }
  }

  /**
   * Boots, and goes through one start of a container, so that clones find the guest's caches filled. Then a fresh
   * writable disk is mounted: what is on it goes with the template, and every clone gets such a disk of its own.
   */
  async snapshot(accelerator: Accelerator, size: SizeClass, files: TemplateFiles): Promise<void> {
    const { limits, yard, clock } = this.#options;
    const { machine, guest } = await this.#boot(accelerator, size, files.memoryPath, limits.bootTimeoutMs);
    try {
      await this.#giveSpare(machine, this.#fresh);
      await this.#rehearse(machine, guest, 1);
      const spare = await this.#giveSpare(machine, this.#fresh);
      await guest.mountDisks([writableDisk]);
      guest.close();
      await machine.vmm.execute('stop');
      await saveState(machine.vmm, files.statePath, clock);
      await writeFile(files.writablePath, encodePattern(await writtenBlocks(spare.path)), { mode: 0o600 });
    } finally {
      guest.close();
      await yard.release(machine);
    }
  }

  /** A clone that runs, and is about to be connected. Once it is `begun`, its end is its owner's business. */
  async begin(
    templates: TemplateStore,
    size: SizeClass,
    accelerator: Accelerator,
    weight: 'background' | 'normal',
    signal?: AbortSignal,
  ): Promise<Slot> {
    const forked = await this.#tryFork(size, weight, signal);
    if (forked) return forked;
    const template = await templates.get(size);
    signal?.throwIfAborted();
    try {
      return await this.#restore(template, accelerator, 'clone', weight, signal);
    } catch (error) {
      if (signal?.aborted) throw error;
      await this.#discard(templates, template, error);
      return await this.#restore(await templates.get(size), accelerator, 'clone', weight, signal);
    }
  }

  /** The same, connected: a template whose guest doesn't answer is of no use either. */
  async clone(
    templates: TemplateStore,
    size: SizeClass,
    accelerator: Accelerator,
    weight: 'background' | 'normal',
    signal?: AbortSignal,
  ): Promise<Slot> {
    for (let tries = 2; ; tries -= 1) {
      const template = await templates.get(size);
      const slot = await this.begin(templates, size, accelerator, weight, signal);
      try {
        await slot.guest;
        return slot;
      } catch (error) {
        await this.#options.yard.release(slot.machine);
        if (signal?.aborted || tries === 1) throw error;
        if (slot.mould) await this.#discardMould(slot.mould, error);
        else await this.#discard(templates, template, error);
      }
    }
  }

  /** A clone that has been through its first starts already, with nobody's data, and is paused. */
  async warm(
    templates: TemplateStore,
    size: SizeClass,
    accelerator: Accelerator,
    signal: AbortSignal,
  ): Promise<Slot> {
    await this.#options.moulds()?.obtain(size);
    const made = await this.clone(templates, size, accelerator, 'background', signal);
    const { machine } = made;
    const guest = await made.guest;
    try {
      // A fork too: it copies the pages that a start writes to, while it is nobody's.
      const spare = await this.#prepare(machine, guest, signal);
      await machine.vmm.execute('stop');
      const record = { ...machine.record, state: 'warm' as const, warm: true };
      writeRecord(machine.dir, record);
      return { machine: { ...machine, record }, guest: made.guest, spare };
    } catch (error) {
      guest.close();
      await this.#options.yard.release(machine);
      throw error;
    }
  }

  async #boot(
    accelerator: Accelerator,
    size: SizeClass,
    memoryPath: string,
    timeoutMs: number,
  ): Promise<{ machine: Machine; guest: GuestClient }> {
    const { yard, clock } = this.#options;
    const machine = await yard.launch({ size, accelerator, mode: 'make', memoryPath, weight: 'normal' });
    try {
      return { machine, guest: await connectAgent(machine.vmm, { clock, timeoutMs }) };
    } catch (error) {
      const said = await consoleTail(machine);
      await yard.release(machine);
      throw new KraudError('unavailable', `the guest did not start: ${messageOf(error)}${said}`, {
        cause: error,
      });
    }
  }

  async #restore(
    template: Template,
    accelerator: Accelerator,
    mode: 'clone' | 'mould',
    weight: 'background' | 'normal',
    signal?: AbortSignal,
  ): Promise<Slot> {
    const { yard, clock } = this.#options;
    const { size, memoryPath } = template;
    await using state = await open(template.statePath);
    const plan = { size, accelerator, mode, memoryPath, stateFd: state.fd, weight };
    const machine = await yard.launch(plan, signal);
    try {
      await loadState(machine.vmm, stateFd, clock, signal);
    } catch (error) {
      await yard.release(machine);
      throw error;
    }
    return await this.#goOn(machine, template.writable, signal);
  }

  async #goOn(machine: Machine, writable: Pattern, signal?: AbortSignal): Promise<Slot> {
    const { yard, clock, limits } = this.#options;
    try {
      // The guest has it mounted: it must see it from its first instruction on.
      const spare = await this.#giveSpare(machine, async (path) => void writeDisk(path, writable));
      await machine.vmm.execute('cont');
      const guest = connectAgent(machine.vmm, { clock, timeoutMs: limits.bootTimeoutMs, signal });
      guest.catch(() => {});
      return { machine, guest, spare };
    } catch (error) {
      await yard.release(machine);
      throw error;
    }
  }

  async #discard(templates: TemplateStore, template: Template, error: unknown): Promise<void> {
    this.#options.logger.warn(
      { template: template.key, error: messageOf(error) },
      'a template does not load',
    );
    await templates.discard(template);
  }

  readonly #fresh = (path: string): Promise<void> =>
    this.#options.diskMaker.create(path, this.#options.writableBytes);

  /** Its only name is in the VM's directory, so it ends with the VM unless a pod takes it. */
  async #giveSpare(machine: Machine, make: (path: string) => Promise<void>): Promise<SpareDisk> {
    const made = join(this.#options.scratchDir, `spare-${machine.record.name}`);
    await make(made);
    try {
      await machine.disks.attach([{ node: diskSlots.writable, path: made }]);
    } finally {
      await rm(made, { force: true });
    }
    const path = must(machine.disks.pathOf(diskSlots.writable), 'it was attached');
    return { path, sizeBytes: this.#options.writableBytes };
  }

  /** A clone that has been through its first starts, with a fresh writable disk mounted, and stands still for good. */
  async mould(
    templates: TemplateStore,
    size: SizeClass,
    accelerator: Accelerator,
    signal: AbortSignal,
  ): Promise<Mould> {
    const template = await templates.get(size);
    const { machine, guest: connecting } = await this.#restore(
      template,
      accelerator,
      'mould',
      'background',
      signal,
    );
    try {
      const guest = await connecting;
      const spare = await this.#prepare(machine, guest, signal);
      guest.close();
      await machine.vmm.execute('stop');
      const writable = await writtenBlocks(spare.path);
      await machine.disks.detachAll();
      await freezeMould(machine.dir);
      writeRecord(machine.dir, { ...machine.record, state: 'mould' });
      const mould = { machine, writable };
      await this.#prove(mould, signal);
      return mould;
    } catch (error) {
      connecting.then(
        (guest) => guest.close(),
        () => {},
      );
      await this.#options.yard.release(machine);
      throw error;
    }
  }

  /** A VMM that waits for the state of a VM, with the memory of none, and stands still for good: its forks are woken VMs. */
  async blank(size: SizeClass, accelerator: Accelerator, signal: AbortSignal): Promise<Blank> {
    const { yard } = this.#options;
    const memoryPath = await this.#emptyMemory(size);
    try {
      const plan = { size, accelerator, mode: 'mould', memoryPath, weight: 'background' } as const;
      const machine = await yard.launch(plan, signal);
      try {
        await freezeMould(machine.dir);
        writeRecord(machine.dir, { ...machine.record, state: 'blank' });
        return { machine };
      } catch (error) {
        await yard.release(machine);
        throw error;
      }
    } finally {
      await rm(memoryPath, { force: true });
    }
  }

  async #emptyMemory(size: SizeClass): Promise<string> {
    const path = join(this.#options.scratchDir, `memory-${newShortId()}`);
    await (await open(path, 'wx', 0o600)).close();
    await truncate(path, size.memoryMiB * MiB);
    return path;
  }

  /** A fork whose guest answers is proof that this VMM, with its libraries, on this kernel, can be forked. */
  async #prove(mould: Mould, signal: AbortSignal): Promise<void> {
    const slot = await this.#fork(mould, 'background', signal);
    try {
      (await slot.guest).close();
    } finally {
      await this.#options.yard.release(slot.machine);
    }
  }

  /** A VM that goes on where the mould stands. */
  async #fork(mould: Mould, weight: 'background' | 'normal', signal?: AbortSignal): Promise<Slot> {
    const machine = await this.#options.yard.fork(mould.machine, { weight }, signal);
    return { ...(await this.#goOn(machine, mould.writable, signal)), mould };
  }

  /** Undefined without a mould, or if it doesn't fork: that is no reason to fail. */
  async #tryFork(
    size: SizeClass,
    weight: 'background' | 'normal',
    signal?: AbortSignal,
  ): Promise<Slot | undefined> {
    const mould = this.#options.moulds()?.ready(size);
    if (!mould) return undefined;
    try {
      return await this.#fork(mould, weight, signal);
    } catch (error) {
      if (signal?.aborted) throw error;
      await this.#discardMould(mould, error);
      return undefined;
    }
  }

  /** One that has just died is no lesson for the next. */
  async #discardMould(mould: Mould, error: unknown): Promise<void> {
    this.#options.logger.warn({ error: messageOf(error) }, 'a mould could not be forked');
    if (await isAlive(mould.machine.vmm.identity.mark)) this.#options.moulds()?.discard(mould);
  }

  /** Through its first starts, and a fresh writable disk mounted. Who no longer wants it doesn't wait for its answers. */
  async #prepare(machine: Machine, guest: GuestClient, signal: AbortSignal): Promise<SpareDisk> {
    const onAbort = (): void => void machine.vmm.kill().catch(() => {});
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await this.#rehearse(machine, guest, rehearsals, signal);
      const spare = await this.#giveSpare(machine, this.#fresh);
      await guest.mountDisks([writableDisk]);
      return spare;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** With the writable disk that is in its place. Afterwards nothing of it is mounted. */
  async #rehearse(machine: Machine, guest: GuestClient, times: number, signal?: AbortSignal): Promise<void> {
    await machine.disks.attach([{ node: 'd0', path: this.#options.rehearsalImage }]);
    for (let time = 0; time < times; time += 1) {
      signal?.throwIfAborted();
      await rehearse(guest, machine.record.size);
    }
    await machine.disks.detachAll();
  }
}

async function consoleTail(machine: Machine): Promise<string> {
  try {
    const read = { device: 'console', size: 65536, format: 'utf8' };
    const text = String(await machine.vmm.execute('ringbuf-read', read)).trim();
    return text === '' ? '' : `; its console: ${text.slice(-600)}`;
  } catch {
    return '';
  }
}
