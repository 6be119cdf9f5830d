import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { MiB, silentLogger, systemClock, systemRandom } from '@kraud/base';
import {
  type Cradle,
  guestInterface,
  imageDiskBytes,
  type SizeClass,
  type Vm,
  type VmSpec,
} from '../contract.ts';
import { instanceName, openCradle } from '../cradle.ts';
import type { ContainerConfig, PodBody } from '../guest/index.ts';
import { type CradleLimits, cradleLimits } from '../limits.ts';
import type { CradleOptions } from '../options.ts';

export const smallSize: SizeClass = { vcpus: 1, memoryMiB: 128, hostPaths: false };

const writableMiB = 256;
const cacheDir = process.env.KRAUD_CACHE ?? '/var/cache/kraud';

/** A directory with an image in it, cradles over it, and a look at what they leave on the host. */
export class World {
  readonly dir: string;
  readonly image: string;

  constructor() {
    this.dir = realpathSync(mkdtempSync('/var/tmp/kraud-cradle-'));
    this.image = join(this.dir, 'image');
    const script = `mkdir -p root/bin root/etc root/tmp
      cp /usr/bin/busybox root/bin/busybox
      for applet in sh echo cat head base64 date sleep ls stat touch dd sync; do ln -s busybox root/bin/$applet; done
      mksquashfs root image -noI -noD -noF -noX -all-root -quiet -no-progress
      truncate -s ${imageDiskBytes} image && chmod 444 image && rm -r root`;
    execFileSync('sh', ['-ec', script], { cwd: this.dir, stdio: 'pipe' });
  }

  options(
    more: Partial<CradleOptions> & { warmMax?: number; mouldsMax?: number; limits?: CradleLimits } = {},
  ): CradleOptions {
    const guest = JSON.parse(
      readFileSync(join(cacheDir, 'guest/current.json'), 'utf8'),
    ) as CradleOptions['guest'];
    const { warmMax = 0, mouldsMax = 0, ...rest } = more;
    return {
      dataDir: join(this.dir, 'cradle'),
      cacheDir,
      guest,
      accelerator: 'tcg',
      defaultSize: smallSize,
      writableBytes: writableMiB * MiB,
      limits: { ...cradleLimits, warmMax, mouldsMax },
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      ...rest,
    };
  }

  cradle(more: Partial<CradleOptions> & { warmMax?: number; mouldsMax?: number } = {}): Cradle {
    return openCradle(this.options(more));
  }

  spec(more: Partial<VmSpec> = {}): VmSpec {
    const id = more.id ?? systemRandom.bytes(8).toString('hex');
    return {
      id,
      size: smallSize,
      images: [this.image],
      writable: { path: join(this.dir, `writable-${id}`), create: { sizeBytes: writableMiB * MiB } },
      volumes: [],
      hostPaths: [],
      network: true,
      ...more,
    };
  }

  /** What of ours is on the host: processes, mounts, control groups, VM directories, scratch files. */
  leftovers(): string[] {
    const found: string[] = [];
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const command = readText(`/proc/${pid}/cmdline`);
      if (command.includes('kraud-jail') && command.includes(this.dir)) found.push(`process ${pid}`);
    }
    for (const line of readText('/proc/self/mountinfo').split('\n'))
      if (line.includes(this.dir)) found.push(line);
    const groups = execFileSync('find', [
      '/sys/fs/cgroup',
      '-path',
      `*/kraud/${this.instance}/*`,
      '-type',
      'd',
    ]);
    found.push(
      ...groups
        .toString()
        .split('\n')
        .filter((line) => line !== ''),
    );
    for (const sub of ['vms', 'scratch']) {
      found.push(...list(join(this.dir, 'cradle', sub)).map((name) => `${sub}/${name}`));
    }
    return found;
  }

  /** Name of the control group of cradles over this world. */
  get instance(): string {
    return instanceName(join(this.dir, 'cradle'));
  }

  remove(): void {
    rmSync(this.dir, { recursive: true });
  }

  makeDir(name: string): string {
    const dir = join(this.dir, name);
    mkdirSync(dir, { recursive: true });
    return dir;
  }
}

export function podBody(more: Partial<PodBody> = {}): PodBody {
  return {
    hostname: 'pod',
    machineId: systemRandom.bytes(16).toString('hex'),
    wallClockNs: String(BigInt(Date.now()) * 1_000_000n),
    entropy: systemRandom.bytes(64).toString('base64'),
    network: { interface: guestInterface, addresses: ['172.17.0.2/16'], gateway4: '172.17.0.1' },
    ...more,
    disks: [
      { device: 'd0', at: 'images/main', type: 'squashfs', readOnly: true },
      { device: 'd4', at: 'writable', type: 'ext4' },
      ...(more.disks ?? []),
    ],
  };
}

/** Sets the pod up and starts one container. */
export async function startContainer(
  vm: Vm,
  args: string[],
  more: { pod?: Partial<PodBody>; container?: Partial<ContainerConfig> } = {},
): Promise<void> {
  const { guest } = vm;
  const container = {
    image: 'images/main',
    writable: 'writable',
    args,
    env: ['PATH=/bin'],
    ...more.container,
  };
  await Promise.all([
    guest.setUpPod(podBody(more.pod)),
    guest.createContainer('main', container),
    guest.startContainer('main'),
  ]);
}

/** Runs a shell script as the pod's container, to its end; answers what it wrote. */
export async function runScript(
  vm: Vm,
  script: string,
  more: { pod?: Partial<PodBody>; container?: Partial<ContainerConfig> } = {},
): Promise<string> {
  await startContainer(vm, ['/bin/sh', '-c', script], more);
  const logs = await vm.guest.logs('main');
  let text = '';
  for await (const entry of logs) text += entry.bytes.toString();
  logs.close();
  return text;
}

/** Counts in its memory, on a tmpfs and on its disk, by its own clock. */
const counter = 'n=0; while :; do n=$((n+1)); echo $n > /dev/shm/n; echo $n > /n; echo $n; sleep 0.02; done';
const counterContainer = { shmBytes: 1024 * 1024 };

/** Its container counts, and has begun to. */
export async function counting(vm: Vm): Promise<void> {
  await startContainer(vm, ['/bin/sh', '-c', counter], { container: counterContainer });
  await counted(vm, 3);
}

/** Where the counter is, once it is there: it has missed none, and begun once. */
export async function counted(vm: Vm, atLeast: number): Promise<number> {
  const logs = await vm.guest.logs('main');
  let text = '';
  for await (const entry of logs) {
    text += entry.bytes.toString();
    const numbers = text.split('\n').slice(0, -1).map(Number);
    if (numbers.length < atLeast) continue;
    logs.close();
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index + 1),
    );
    return numbers.length;
  }
  throw new Error('it has ended');
}

export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await systemClock.sleep(5);
  }
}

export function warmCount(cradle: Cradle): number {
  return cradle.status().warm.reduce((sum, { count }) => sum + count, 0);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}
