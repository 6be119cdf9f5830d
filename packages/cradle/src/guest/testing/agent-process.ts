import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@kraud/base';
import { GuestClient } from '../client.ts';
import type { ContainerConfig, PodBody } from '../types.ts';

export const agentBinary = new URL('../../../../../guest/agent/build/agent', import.meta.url).pathname;
const cgroupRoot = existsSync('/sys/fs/cgroup/cgroup.controllers')
  ? '/sys/fs/cgroup'
  : '/sys/fs/cgroup/unified';

/**
 * The real agent without a VM: PID 1 of namespaces of its own, listening on a unix socket. The host's kernel does
 * what the guest's would; only the disks are directories, and cgroup controllers may be missing.
 */
export class AgentProcess implements AsyncDisposable {
  readonly dir: string;
  readonly #process: ChildProcess;
  readonly #cgroup: string;
  readonly #clients: GuestClient[] = [];
  stderr = '';

  private constructor(dir: string, cgroup: string) {
    this.dir = dir;
    this.#cgroup = cgroup;
    const script = `echo $$ > ${cgroup}/cgroup.procs && exec unshare --pid --mount --net --uts --ipc --cgroup --fork --mount-proc --kill-child ${agentBinary} kraud.port=unix:${dir}/port`;
    this.#process = spawn('sh', ['-c', script], { stdio: ['ignore', 'inherit', 'pipe'] });
    this.#process.stderr?.on('data', (chunk) => {
      this.stderr += chunk;
    });
  }

  static async start(): Promise<AgentProcess> {
    const dir = await mkdtemp(join(tmpdir(), 'kraud-agent-'));
    const cgroup = join(cgroupRoot, dir.slice(dir.lastIndexOf('/') + 1));
    await mkdir(cgroup);
    await makeImage(join(dir, 'image'));
    await mkdir(join(dir, 'writable'));
    return new AgentProcess(dir, cgroup);
  }

  /** The raw connection, once the agent listens. */
  async socket(): Promise<Socket> {
    for (;;) {
      const socket = await new Promise<Socket | undefined>((resolve) => {
        const attempt = connect(join(this.dir, 'port'));
        attempt.once('connect', () => resolve(attempt));
        attempt.once('error', () => resolve(undefined));
      });
      if (socket) return socket;
      if (this.#process.exitCode !== null) throw new Error(`the agent ended: ${this.stderr}`);
      await systemClock.sleep(5);
    }
  }

  async client(): Promise<GuestClient> {
    const client = await GuestClient.open(await this.socket(), {
      clock: systemClock,
      random: systemRandom,
      attemptTimeoutMs: 500,
      timeoutMs: 10_000,
    });
    this.#clients.push(client);
    return client;
  }

  /** A client whose pod is set up, with the busybox image and a writable place. */
  async pod(more: Partial<PodBody> = {}): Promise<GuestClient> {
    const client = await this.client();
    await client.setUpPod({
      hostname: 'testpod',
      machineId: '0123456789abcdef0123456789abcdef',
      wallClockNs: `${Date.now()}000000`,
      entropy: systemRandom.bytes(64).toString('base64'),
      network: null,
      ...more,
      disks: [
        { device: join(this.dir, 'image'), at: 'images/main', type: 'bind' },
        { device: join(this.dir, 'writable'), at: 'writable', type: 'bind' },
        ...(more.disks ?? []),
      ],
    });
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      // `unshare --kill-child` takes PID 1 of the namespace, and so all in it, along.
      this.#process.kill('SIGKILL');
      await ended;
    }
    for (let tries = 0; tries < 200; tries += 1) {
      try {
        execFileSync('find', [this.#cgroup, '-depth', '-type', 'd', '-delete'], { stdio: 'ignore' });
        break;
      } catch {
        await systemClock.sleep(10);
      }
    }
    await rm(this.dir, { recursive: true, force: true });
  }
}

export async function makeImage(dir: string): Promise<void> {
  for (const name of ['bin', 'etc', 'root', 'tmp', 'data', 'usr/bin'])
    await mkdir(join(dir, name), { recursive: true });
  execFileSync('cp', ['/bin/busybox', join(dir, 'bin/busybox')]);
  execFileSync('chmod', ['1777', join(dir, 'tmp')]);
  const applets = execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n');
  for (const applet of applets) if (applet !== 'busybox') await symlink('busybox', join(dir, 'bin', applet));
  await writeFile(
    join(dir, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nada:x:1000:1001:Ada:/home/ada:/bin/sh\n',
  );
  await writeFile(join(dir, 'etc/group'), 'root:x:0:\nada:x:1001:\naudio:x:29:ada\nstaff:x:50:\n');
  await writeFile(join(dir, 'data/hello'), 'from the image\n');
  execFileSync('chown', ['1000:1001', join(dir, 'data')]);
}

/** What Docker gives a container that asks for nothing. */
export const defaultCapabilities = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FSETID',
  'FOWNER',
  'MKNOD',
  'NET_RAW',
  'SETGID',
  'SETUID',
  'SETFCAP',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'SYS_CHROOT',
  'KILL',
  'AUDIT_WRITE',
] as const;

export function containerOf(args: readonly string[], more: Partial<ContainerConfig> = {}): ContainerConfig {
  return {
    image: 'images/main',
    writable: 'writable',
    args,
    env: ['PATH=/bin:/usr/bin'],
    capabilities: defaultCapabilities,
    maskedPaths: ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/sys/firmware', '/proc/nonexistent'],
    readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
    ...more,
  };
}
