import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { busyboxTar } from '../../bench/image.ts';
import { image, TestCloud } from './cloud.ts';
import { run } from './command.ts';
import { Machines } from './machines.ts';
import { Members } from './members.ts';
import { fencesOf, killFences, startTicks } from './processes.ts';
import { SetClock } from './set-clock.ts';
import { copyTemplates } from './templates.ts';

export interface FleetOptions {
  /** The host that has a disk of its own, of 1 GiB, for its etcd member too. */
  readonly smallDisk?: number;
  /** Each daemon has a clock of its own that can be set. */
  readonly clocks?: boolean;
}

/** A cloud of several machines on this one: each with an etcd member and a daemon of its own. */
export class Fleet {
  /** From 0; host `n` is called `hN+1`. */
  readonly hosts: readonly TestCloud[];
  readonly machines: Machines;
  readonly members: Members;
  readonly #dir: string;

  private constructor(dir: string, machines: Machines, members: Members, hosts: readonly TestCloud[]) {
    this.#dir = dir;
    this.machines = machines;
    this.members = members;
    this.hosts = hosts;
  }

  /** `config` is each daemon's. The image `busybox` is there. */
  static async start(
    count: number,
    config: Record<string, object>,
    { smallDisk, clocks }: FleetOptions = {},
  ): Promise<Fleet> {
    const dir = mkdtempSync(join(tmpdir(), 'kraud-fleet-'));
    const small = join(dir, 'small');
    if (smallDisk !== undefined) await mountSmall(small);
    const machines = await Machines.bare(count);
    const dataOf = (n: number): string => (n - 1 === smallDisk ? small : dir);
    const etcdOf = (n: number): string => join(dataOf(n), `etcd-m${n}`);
    const members = await Members.start(machines, count, etcdOf).catch(async (error: unknown) => {
      await machines.stop();
      throw error;
    });
    const hosts = Array.from({ length: count }, (_, index) => {
      const n = index + 1;
      const cradle = { warmMax: 0, ...config.cradle, uidFirst: 700_000 + n * 100_000 };
      const host = new TestCloud({ ...config, cradle }, dataOf(n), machines.on(n));
      if (clocks) host.clock = new SetClock(join(host.dir, 'clock'));
      host.args = ['--store', members.address, '--listen', `${machines.ip(n)}:7070`, '--name', `h${n}`];
      return host;
    });
    const fleet = new Fleet(dir, machines, members, hosts);
    try {
      await fleet.#boot();
      return fleet;
    } catch (error) {
      await fleet.stop().catch(() => {});
      throw error;
    }
  }

  name(n: number): string {
    return `h${n + 1}`;
  }

  host(n: number): TestCloud {
    const host = this.hosts[n];
    assert.ok(host);
    return host;
  }

  /** A host as when its power goes: daemon, fence and VMs. Its etcd member goes on. */
  async kill(n: number): Promise<void> {
    const host = this.host(n);
    await host.killDaemon();
    await killFences(host.dir);
    await host.killVmms();
  }

  /** Pids of the host's fence: the one on guard and its spare, or none. */
  fences(n: number): number[] {
    return fencesOf(this.host(n).dir);
  }

  async cut(n: number): Promise<void> {
    await this.machines.cut(n + 1);
  }

  async mend(n: number): Promise<void> {
    await this.machines.mend(n + 1);
  }

  /** Which hosts have a live VM of each pod, by what is on their disks and in the kernel: nobody is asked. */
  running(): Map<string, string[]> {
    const found = new Map<string, string[]>();
    this.hosts.forEach((host, n) => {
      for (const uid of podsOf(host)) found.set(uid, [...(found.get(uid) ?? []), this.name(n)]);
    });
    return found;
  }

  /** Looks all the time; answers what ends that, with the pods that were seen on two hosts at once. */
  watchDoubles(): () => string[] {
    const doubles = new Set<string>();
    const timer = setInterval(() => {
      for (const [uid, hosts] of this.running()) {
        if (hosts.length > 1) doubles.add(`${uid.slice(0, 12)} on ${hosts.join(' and ')}`);
      }
    }, 50);
    return () => {
      clearInterval(timer);
      return [...doubles];
    };
  }

  /** Ends everything, and checks that no host leaves anything. After a failure: ends everything, and clears up. */
  async stop(): Promise<void> {
    try {
      await this.#mendAll();
      for (const host of this.hosts) await host.stop();
    } catch (error) {
      for (const host of this.hosts) if (existsSync(host.dir)) await host.clear();
      throw error;
    } finally {
      await this.members.stop();
      await this.machines.stop();
      await run('umount', ['-l', join(this.#dir, 'small')]);
      rmSync(this.#dir, { recursive: true, force: true });
    }
  }

  /** A test that failed may have left anything cut, stopped or ended. */
  async #mendAll(): Promise<void> {
    for (const [n, host] of this.hosts.entries()) {
      await this.mend(n);
      for (const pid of await host.vmms()) process.kill(pid, 'SIGCONT');
      if (host.isUp) process.kill(host.pid, 'SIGCONT');
    }
    await Promise.all(this.hosts.map((_, n) => this.members.goOn(n + 1)));
    for (const host of this.hosts) if (!host.isUp) await host.startDaemon();
  }

  /** The first one makes a template and the image; the others get what it made. */
  async #boot(): Promise<void> {
    const [first, ...others] = this.hosts;
    assert.ok(first);
    await first.startDaemon();
    const tar = readFileSync(await busyboxTar(first.dir));
    await first.ok(['import', '--change', 'CMD ["sh"]', '-', image], { input: tar });
    await this.#tryOut(0);
    for (const host of others) {
      await copyTemplates(join(first.dir, 'cradle'), join(host.dir, 'cradle'));
    }
    await Promise.all(others.map((host) => host.startDaemon()));
    await Promise.all(others.map((_, n) => this.#tryOut(n + 1)));
  }

  /** Runs a pod there: its image is on the host then, so that no other host is needed for the next. */
  async #tryOut(n: number): Promise<void> {
    const place = ['--label', `kr.host=${this.name(n)}`];
    await this.host(0).ok(['run', '--rm', ...place, image, 'true'], { timeoutMs: 180_000 });
  }
}

async function mountSmall(path: string): Promise<void> {
  mkdirSync(path);
  const disk = `${path}.img`;
  const steps = [
    ['truncate', '-s', '1G', disk],
    ['mkfs.ext4', '-q', '-m', '0', disk],
    ['mount', '-o', 'loop', disk, path],
  ];
  for (const [program = '', ...args] of steps) {
    const { code, stderr } = await run(program, args);
    assert.equal(code, 0, stderr);
  }
}

/** The pods that have a live VM below a host's directory. */
function podsOf(host: TestCloud): string[] {
  const vms = join(host.dir, 'cradle/vms');
  return entries(vms).flatMap((name) => {
    const record = recordOf(join(vms, name, 'record.json'));
    if (record?.state !== 'claimed' || !record.mark || !record.spec) return [];
    return startTicks(record.mark.pid) === record.mark.startTicks ? [record.spec.id] : [];
  });
}

interface VmRecord {
  state: string;
  mark?: { pid: number; startTicks: number };
  spec?: { id: string };
}

/** Undefined when it has just gone, or is just being written. */
function recordOf(path: string): VmRecord | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as VmRecord;
  } catch {
    return undefined;
  }
}

function entries(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}
