import { chownSync, linkSync, readdirSync, statSync, unlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { codeOf, isErrno, KraudError, messageOf } from '@kraud/base';
import {
  accessOf,
  allDisks,
  type DiskSlot,
  emptyNode,
  emptyOf,
  jailPaths,
  slotNode,
} from '../vmm/arguments.ts';
import type { Vmm } from '../vmm/vmm.ts';

export interface DiskFile {
  /** The slot: `d0` … `d10`. */
  readonly node: string;
  readonly path: string;
}

/**
 * The disk slots of one VMM. A file is hard-linked into the VM's directory, so that its jail shows it, and swapped
 * into the slot; the guest's device stays, and so does what an empty slot shows, until it is shown again. Image files keep
 * their owner and can't be written; data files belong to the VMM's user while it has them.
 */
export class DiskSlots {
  readonly #vmm: Vmm;
  readonly #uid: number;
  readonly #slots = allDisks();
  readonly #attached = new Map<string, string>();
  /** False for a VMM of an earlier daemon, which may have left any step half done. */
  #known: boolean;
  #serial = 0;
  /** What the guest waits for is mostly in the host's page cache: then io_uring answers without another thread. */
  #aio: 'io_uring' | 'threads' = 'io_uring';

  constructor(vmm: Vmm, uid: number, { adopted = false } = {}) {
    this.#vmm = vmm;
    this.#uid = uid;
    this.#known = !adopted;
  }

  /** All or none. */
  async attach(files: readonly DiskFile[]): Promise<void> {
    try {
      await this.#attach(files);
    } catch (error) {
      // A host may have it switched off, a VMM may be built without.
      if (this.#aio === 'threads' || !/io.?uring/i.test(messageOf(error))) throw error;
      this.#aio = 'threads';
      await this.#attach(files);
    }
  }

  async #attach(files: readonly DiskFile[]): Promise<void> {
    const nodes: { node: string; file: Record<string, unknown>; name: string }[] = [];
    for (const { node, path } of files) {
      const disk = this.#slot(node);
      this.#serial += 1;
      const name = `${node}-${this.#serial}`;
      this.#admit(path, name, disk);
      nodes.push({
        node,
        name,
        file: {
          driver: 'file',
          'node-name': name,
          filename: `${jailPaths.disks}/${name}`,
          ...(this.#aio === 'threads' ? {} : { aio: this.#aio }),
          ...accessOf(disk),
        },
      });
    }
    const added = nodes.map(({ file }) => this.#vmm.execute('blockdev-add', file));
    const options = nodes.map(({ node, name }) => slotNode(this.#slot(node), name));
    const swapped = this.#vmm.execute('blockdev-reopen', { options });
    // Sent along: where the swap fails, so does this, and the slot shows what it showed.
    const shown = nodes.flatMap(({ node }) => this.#attached.get(node) ?? []);
    const dropped = shown.map((name) => this.#delete(name));
    for (const promise of dropped) promise.catch(() => {});
    const outcomes = await Promise.allSettled([...added, swapped]);
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) {
      for (const { name } of nodes)
        await this.#vmm.execute('blockdev-del', { 'node-name': name }).catch(() => {});
      const words = messageOf(failed.reason);
      const inUse = /write.*lock|lock.*write/i.test(words);
      throw new KraudError(
        inUse ? 'conflict' : codeOf(failed.reason) === 'unavailable' ? 'unavailable' : 'internal',
        `cannot attach disks: ${words}`,
        {
          cause: failed.reason,
        },
      );
    }
    for (const { node, name } of nodes) this.#attached.set(node, name);
    await Promise.all(dropped);
  }

  /** Puts a file into the slot unless it is there already. What fails may leave links: see `drop`. */
  async take(file: DiskFile): Promise<void> {
    await this.#learn();
    const shown = this.pathOf(file.node);
    if (shown === undefined || statSync(shown).ino !== statSync(file.path).ino) await this.attach([file]);
  }

  /** The slot shows zeroes again, and no link to what it showed is left. */
  async drop(node: string): Promise<void> {
    if (!this.#vmm.gone) await this.#learn();
    if (!this.#vmm.gone && this.#attached.has(node)) await this.#empty([this.#slot(node)]);
    for (const name of this.#linksOf(node)) {
      const path = join(this.#dir, name);
      chownSync(path, 0, 0);
      unlinkSync(path);
    }
  }

  /** What the slots of a VMM that an earlier daemon had show; nodes that are in none are leftovers, and go. */
  async #learn(): Promise<void> {
    if (this.#known) return;
    const nodes = blockNodes(await this.#vmm.execute('query-named-block-nodes', { flat: true }));
    for (const disk of this.#slots) {
      const file = nodes.get(disk.node);
      const shown = file?.startsWith(`${jailPaths.disks}/`) ? basename(file) : undefined;
      if (shown !== undefined) this.#attached.set(disk.node, shown);
      const empty = emptyOf(disk.node);
      for (const name of [...nodes.keys(), ...this.#linksOf(disk.node)]) {
        if (!name.startsWith(`${disk.node}-`) || name === empty) continue;
        this.#serial = Math.max(this.#serial, Number(name.split('-')[1]) || 0);
        if (nodes.has(name) && name !== shown) await this.#delete(name).catch(() => {});
      }
    }
    this.#known = true;
  }

  get #dir(): string {
    return join(this.#vmm.identity.dir, 'disks');
  }

  #linksOf(node: string): string[] {
    return readdirSync(this.#dir).filter((name) => name.startsWith(`${node}-`));
  }

  /** Where the file that a slot shows is linked into the VM's directory. */
  pathOf(node: string): string | undefined {
    const name = this.#attached.get(node);
    return name === undefined ? undefined : join(this.#dir, name);
  }

  /** The slots show zeroes again, and the files are closed. */
  async detachAll(): Promise<void> {
    const disks = this.#slots.filter((disk) => this.#attached.has(disk.node));
    if (disks.length > 0) await this.#empty(disks);
  }

  async #empty(disks: readonly DiskSlot[]): Promise<void> {
    // Made anew: QEMU 10 takes a clone's own, left without a device when its state came in, for one that is not active.
    for (const disk of disks) this.#delete(emptyOf(disk.node)).catch(() => {});
    await Promise.all([
      ...disks.map((disk) => this.#vmm.execute('blockdev-add', emptyNode(disk))),
      this.#vmm.execute('blockdev-reopen', {
        options: disks.map((disk) => slotNode(disk, emptyOf(disk.node))),
      }),
    ]);
    const shown = disks.flatMap(({ node }) => this.#attached.get(node) ?? []);
    for (const disk of disks) this.#attached.delete(disk.node);
    await Promise.all(shown.map((name) => this.#delete(name)));
  }

  async #delete(name: string): Promise<void> {
    await this.#vmm.execute('blockdev-del', { 'node-name': name });
  }

  /** Synchronous, as each of these takes microseconds and a claim waits for them. */
  #admit(path: string, name: string, disk: { sizeBytes: number; readOnly: boolean }): void {
    const target = join(this.#dir, name);
    try {
      const facts = statSync(path);
      if (!facts.isFile() || facts.size !== disk.sizeBytes) {
        throw new KraudError('corrupt', `${path} is no disk of ${disk.sizeBytes} bytes`);
      }
      linkSync(path, target);
      if (!disk.readOnly) chownSync(target, this.#uid, this.#uid);
    } catch (error) {
      if (isErrno(error, 'ENOENT'))
        throw new KraudError('not-found', `there is no disk at ${path}`, { cause: error });
      if (isErrno(error, 'EXDEV')) {
        throw new KraudError('invalid', `${path} is not on the file system of the data directory`, {
          cause: error,
        });
      }
      throw error;
    }
  }

  #slot(node: string): DiskSlot {
    const slot = this.#slots.find((disk) => disk.node === node);
    if (!slot) throw new KraudError('invalid', `there is no disk slot ${node}`);
    return slot;
  }
}

/** The file of each named node, as the VMM tells them. */
function blockNodes(answer: unknown): Map<string, string> {
  const nodes = new Map<string, string>();
  for (const node of Array.isArray(answer) ? answer : []) {
    const { 'node-name': name, file } = Object(node) as Record<string, unknown>;
    if (typeof name === 'string') nodes.set(name, String(file));
  }
  return nodes;
}
