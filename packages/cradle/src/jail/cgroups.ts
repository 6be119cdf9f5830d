import { writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '@kraud/base';

/** What one VM may use of the host. */
export interface CgroupLimits {
  readonly cpus?: number;
  readonly memoryBytes: number;
}

const mountPoint = '/sys/fs/cgroup';
const v1Controllers = ['cpu', 'memory', 'pids'];
/** All VMs of a host together count as ten of its other processes or services: they are what it is there for. */
const allShares = { v1: '10240', v2: '1000' };
const cpuPeriodUs = 100_000;
const processesMax = 256;

/**
 * The control groups of one daemon's VMs: `kraud/INSTANCE/NAME`, on a unified (v2) hierarchy or one per controller
 * (v1). `make` may be repeated; `remove` needs the group to be empty of processes.
 */
export class Cgroups {
  readonly #roots: readonly { readonly controller: string; readonly dir: string }[];
  readonly #unified: boolean;

  private constructor(unified: boolean, roots: readonly { controller: string; dir: string }[]) {
    this.#unified = unified;
    this.#roots = roots;
  }

  /** What an instance has or will have on this host, whether it is there or not. */
  static async of(instance: string): Promise<Cgroups> {
    const path = join('kraud', instance);
    if (await exists(join(mountPoint, 'cgroup.controllers'))) {
      return new Cgroups(true, [{ controller: '', dir: join(mountPoint, path) }]);
    }
    const roots: { controller: string; dir: string }[] = [];
    for (const controller of v1Controllers) {
      if (!(await exists(join(mountPoint, controller, 'cgroup.procs')))) continue;
      roots.push({ controller, dir: join(mountPoint, controller, path) });
    }
    return new Cgroups(false, roots);
  }

  static async open(instance: string): Promise<Cgroups> {
    const cgroups = await Cgroups.of(instance);
    for (const { dir } of cgroups.#roots) await mkdir(dir, { recursive: true });
    if (!cgroups.#unified) {
      const cpu = cgroups.#roots.find(({ controller }) => controller === 'cpu');
      if (cpu) await writeFile(join(cpu.dir, '../cpu.shares'), allShares.v1);
      return cgroups;
    }
    const dir = join(mountPoint, 'kraud', instance);
    for (const parent of [mountPoint, join(mountPoint, 'kraud'), dir]) await enableControllers(parent);
    // A container manager may have left us without the controller.
    if (await exists(join(dir, '../cpu.weight'))) await writeFile(join(dir, '../cpu.weight'), allShares.v2);
    return cgroups;
  }

  /** The directories that hold all VMs' groups, each of which has every VM. */
  get parents(): string[] {
    return this.#roots.map((root) => root.dir);
  }

  /** The directories whose `cgroup.procs` the VM's first process has to join. */
  dirs(name: string): string[] {
    return this.#roots.map((root) => join(root.dir, name));
  }

  async make(name: string): Promise<void> {
    for (const dir of this.dirs(name)) await mkdir(dir, { recursive: true });
    await this.#set(name, 'pids', 'pids.max', 'pids.max', String(processesMax));
  }

  async limit(name: string, limits: CgroupLimits): Promise<void> {
    const memory = String(limits.memoryBytes);
    await this.#set(name, 'memory', 'memory.limit_in_bytes', 'memory.max', memory);
    const quotaUs =
      limits.cpus === undefined ? undefined : Math.max(1000, Math.round(limits.cpus * cpuPeriodUs));
    if (this.#unified) {
      await this.#set(name, 'cpu', '', 'cpu.max', `${quotaUs ?? 'max'} ${cpuPeriodUs}`);
    } else {
      await this.#set(name, 'cpu', 'cpu.cfs_quota_us', '', String(quotaUs ?? -1));
    }
  }

  /** How much CPU it gets when there isn't enough: `background` for slots that nobody waits for. */
  weigh(name: string, weight: 'background' | 'normal'): void {
    const low = weight === 'background';
    const dir = this.#dirOf(name, 'cpu');
    if (dir === undefined) return;
    // Synchronous: it takes microseconds, and a claim waits for it.
    if (this.#unified) writeFileSync(join(dir, 'cpu.weight'), low ? '5' : '100');
    else writeFileSync(join(dir, 'cpu.shares'), low ? '51' : '1024');
  }

  async oomKills(name: string): Promise<number> {
    const dir = this.#dirOf(name, 'memory');
    if (dir === undefined) return 0;
    const text = await readOrEmpty(join(dir, this.#unified ? 'memory.events' : 'memory.oom_control'));
    return Number(/^oom_kill (\d+)/m.exec(text)?.[1] ?? 0);
  }

  async processes(name: string): Promise<number[]> {
    const pids = new Set<number>();
    for (const dir of this.dirs(name)) {
      const text = await readOrEmpty(join(dir, 'cgroup.procs'));
      for (const line of text.split('\n')) if (line !== '') pids.add(Number(line));
    }
    return [...pids];
  }

  /** Removes the group. A process that has just ended can hold it for a moment: false means to try again. */
  async remove(name: string): Promise<boolean> {
    let gone = true;
    for (const dir of this.dirs(name)) {
      try {
        await rmdir(dir);
      } catch (error) {
        if (isErrno(error, 'EBUSY')) gone = false;
        else if (!isErrno(error, 'ENOENT')) throw error;
      }
    }
    return gone;
  }

  /** Every VM that has a group. */
  async names(): Promise<string[]> {
    const names = new Set<string>();
    for (const root of this.#roots) {
      const entries = await readdir(root.dir, { withFileTypes: true });
      for (const entry of entries) if (entry.isDirectory()) names.add(entry.name);
    }
    return [...names];
  }

  /** Lets go of the instance's own, empty, groups. */
  async close(): Promise<void> {
    for (const root of this.#roots) {
      await rmdir(root.dir).catch((error: unknown) => {
        if (!isErrno(error, 'ENOENT', 'EBUSY', 'ENOTEMPTY')) throw error;
      });
    }
  }

  #dirOf(name: string, controller: string): string | undefined {
    const root = this.#unified ? this.#roots[0] : this.#roots.find((r) => r.controller === controller);
    return root && join(root.dir, name);
  }

  async #set(name: string, controller: string, v1: string, v2: string, value: string): Promise<void> {
    const dir = this.#dirOf(name, controller);
    if (dir === undefined) return;
    await writeFile(join(dir, this.#unified ? v2 : v1), value);
  }
}

async function enableControllers(dir: string): Promise<void> {
  const available = await readOrEmpty(join(dir, 'cgroup.controllers'));
  const wanted = available.split(/\s+/).filter((name) => v1Controllers.includes(name));
  if (wanted.length === 0) return;
  await writeFile(join(dir, 'cgroup.subtree_control'), wanted.map((name) => `+${name}`).join(' '));
}

async function readOrEmpty(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return '';
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
