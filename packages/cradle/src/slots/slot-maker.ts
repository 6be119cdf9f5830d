import { open, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, KraudError, type Logger, MiB, messageOf, must, newShortId } from '@kraud/base';
import { type Accelerator, diskSlots, type SizeClass } from '../contract.ts';
import type { DiskMaker } from '../disk/ext4.ts';
import type { GuestClient } from '../guest/index.ts';
import type { CradleLimits } from '../limits.ts';
import { loadState, saveState } from '../template/snapshot.ts';
import type { Template, TemplateStore } from '../template/store.ts';
import { connectAgent, rehearse, writableDisk } from '../vm/guest.ts';
import { writeRecord } from '../vm/record.ts';
import type { Machine, Yard } from '../vm/yard.ts';

/** A clone whose guest is connected and waits for its pod. A warm one is rehearsed, and paused. */
export interface Slot {
  readonly machine: Machine;
  readonly guest: GuestClient;
  /** A fresh writable disk of nobody's is in its place already, mounted by the guest: the pod may have it. */
  readonly spare?: SpareDisk;
}

export interface SpareDisk {
  readonly path: string;
  readonly sizeBytes: number;
}

export interface SlotMakerOptions {
  readonly yard: Yard;
  readonly diskMaker: DiskMaker;
  readonly rehearsalImage: string;
  readonly scratchDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: CradleLimits;
}

const stateFd = 3;
const rehearsalDiskBytes = 64 * MiB;
const rehearsals = 2;

/** Makes templates and clones of them. What fails, or is aborted, leaves nothing. */
export class SlotMaker {
  readonly #options: SlotMakerOptions;

  constructor(options: SlotMakerOptions) {
    this.#options = options;
  }

  /** A real boot until the guest answers: true is proof that the accelerator works. */
  async probe(accelerator: Accelerator, size: SizeClass): Promise<void> {
    const memoryPath = join(this.#options.scratchDir, `memory-${newShortId()}`);
    await (await open(memoryPath, 'wx', 0o600)).close();
    await truncate(memoryPath, size.memoryMiB * MiB);
    try {
      const slot = await this.#boot(accelerator, size, memoryPath, this.#options.limits.probeTimeoutMs);
      slot.guest.close();
      await this.#options.yard.release(slot.machine);
    } finally {
      await rm(memoryPath, { force: true });
    }
  }

  /** Boots, and goes through one start of a container, so that clones find the guest's caches filled. */
  async snapshot(
    accelerator: Accelerator,
    size: SizeClass,
    files: { memoryPath: string; statePath: string },
  ): Promise<void> {
    const { limits, yard, clock } = this.#options;
    const { machine, guest } = await this.#boot(accelerator, size, files.memoryPath, limits.bootTimeoutMs);
    try {
      await this.#rehearse(machine, guest, 1);
      guest.close();
      await machine.vmm.execute('stop');
      await saveState(machine.vmm, files.statePath, clock);
    } finally {
      guest.close();
      await yard.release(machine);
    }
  }

  async clone(
    templates: TemplateStore,
    size: SizeClass,
    accelerator: Accelerator,
    weight: 'background' | 'normal',
    signal?: AbortSignal,
  ): Promise<Slot> {
    const template = await templates.get(size);
    signal?.throwIfAborted();
    try {
      return await this.#restore(template, accelerator, weight, signal);
    } catch (error) {
      if (signal?.aborted) throw error;
      this.#options.logger.warn(
        { template: template.key, error: messageOf(error) },
        'a template does not load',
      );
      await templates.discard(template);
      return await this.#restore(await templates.get(size), accelerator, weight, signal);
    }
  }

  /** A clone that has been through its first starts already, with nobody's data, and is paused. */
  async warm(
    templates: TemplateStore,
    size: SizeClass,
    accelerator: Accelerator,
    writableBytes: number | undefined,
    signal: AbortSignal,
  ): Promise<Slot> {
    const { machine, guest } = await this.clone(templates, size, accelerator, 'background', signal);
    try {
      await this.#rehearse(machine, guest, rehearsals, signal);
      const spare =
        writableBytes === undefined ? undefined : await this.#giveSpare(machine, guest, writableBytes);
      await machine.vmm.execute('stop');
      const record = { ...machine.record, state: 'warm' as const, warm: true };
      writeRecord(machine.dir, record);
      return { machine: { ...machine, record }, guest, ...(spare && { spare }) };
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
  ): Promise<Slot> {
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
    weight: 'background' | 'normal',
    signal?: AbortSignal,
  ): Promise<Slot> {
    const { yard, clock, limits } = this.#options;
    const { size, memoryPath } = template;
    await using state = await open(template.statePath);
    const plan = { size, accelerator, mode: 'clone' as const, memoryPath, stateFd: state.fd, weight };
    const machine = await yard.launch(plan, signal);
    try {
      await loadState(machine.vmm, stateFd, clock, signal);
      await machine.vmm.execute('cont');
      const guest = await connectAgent(machine.vmm, { clock, timeoutMs: limits.bootTimeoutMs, signal });
      return { machine, guest };
    } catch (error) {
      await yard.release(machine);
      throw error;
    }
  }

  /** Its only name is in the VM's directory, so it ends with the VM unless a pod takes it. */
  async #giveSpare(machine: Machine, guest: GuestClient, sizeBytes: number): Promise<SpareDisk> {
    const { diskMaker, scratchDir } = this.#options;
    const made = join(scratchDir, `spare-${machine.record.name}`);
    await diskMaker.create(made, sizeBytes);
    try {
      await machine.disks.attach([{ node: diskSlots.writable, path: made }]);
    } finally {
      await rm(made, { force: true });
    }
    await guest.mountDisks([writableDisk]);
    return { path: must(machine.disks.pathOf(diskSlots.writable), 'it was attached'), sizeBytes };
  }

  async #rehearse(machine: Machine, guest: GuestClient, times: number, signal?: AbortSignal): Promise<void> {
    const { diskMaker, scratchDir, rehearsalImage } = this.#options;
    const disk = join(scratchDir, `rehearsal-${machine.record.name}`);
    await diskMaker.create(disk, rehearsalDiskBytes);
    try {
      await machine.disks.attach([
        { node: 'd0', path: rehearsalImage },
        { node: 'd4', path: disk },
      ]);
      for (let time = 0; time < times; time += 1) {
        signal?.throwIfAborted();
        await rehearse(guest, machine.record.size);
      }
      await machine.disks.detachAll();
    } finally {
      await rm(disk, { force: true });
    }
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
