import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@kraud/base';
import { GuestClient } from '../client.ts';
import type { PodBody } from '../types.ts';
import { agentBinary, makeImage } from './agent-process.ts';

const current = join(process.env.KRAUD_CACHE ?? '/var/cache/kraud', 'guest/current.json');
const imageBytes = '64G';

/** The real agent in a real VM, cold-booted without any template: what only a guest's own kernel can show. */
export class AgentVm implements AsyncDisposable {
  readonly dir: string;
  readonly #process: ChildProcess;
  readonly #clients: GuestClient[] = [];
  console = '';

  private constructor(dir: string, kernel: string, memoryMiB: number, extra: readonly string[]) {
    this.dir = dir;
    const drive = (name: string, readOnly: boolean) => [
      ...['-drive', `if=none,id=${name},format=raw,file=${dir}/${name},read-only=${readOnly ? 'on' : 'off'}`],
      ...['-device', `virtio-blk-device,drive=${name},serial=${name}`],
    ];
    this.#process = spawn(
      'qemu-system-x86_64',
      [
        ...['-nodefaults', '-no-user-config', '-nographic', '-no-reboot'],
        ...['-M', 'microvm,pit=on,pic=on,rtc=on,acpi=off,ioapic2=on,x-option-roms=off'],
        ...['-accel', 'tcg,tb-size=32', '-cpu', 'max,la57=off', '-smp', '1', '-m', `${memoryMiB}M`],
        ...['-kernel', kernel, '-initrd', `${dir}/initramfs`],
        ...['-append', 'console=ttyS0 loglevel=4 panic=-1 reboot=t random.trust_cpu=off mitigations=off'],
        ...['-serial', 'stdio', '-device', 'virtio-serial-device,id=serial,max_ports=2'],
        ...['-chardev', `socket,id=agent,path=${dir}/port,server=on,wait=off`],
        ...['-device', 'virtserialport,bus=serial.0,nr=1,chardev=agent,name=kraud.agent'],
        ...['-netdev', 'user,id=net,restrict=on', '-device', 'virtio-net-device,netdev=net'],
        ...drive('d0', true),
        ...drive('d4', false),
        ...drive('d5', false),
        ...extra,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    for (const output of [this.#process.stdout, this.#process.stderr]) {
      output?.on('data', (chunk) => {
        this.console += chunk;
      });
    }
  }

  /** `extra`: further QEMU arguments; `{dir}` in them is the test's directory. */
  static async start(options: { memoryMiB?: number; extra?: readonly string[] } = {}): Promise<AgentVm> {
    const { kernel } = JSON.parse(await readFile(current, 'utf8')) as { kernel: string };
    const dir = await mkdtemp(join(tmpdir(), 'kraud-vm-'));
    await makeImage(join(dir, 'image'));
    await mkdir(join(dir, 'initramfs.d/dev'), { recursive: true });
    execFileSync(
      'sh',
      [
        '-ec',
        `tar -C image -cf - . | sqfstar -noI -noD -noF -noX -quiet -no-progress d0 >/dev/null
         truncate -s ${imageBytes} d0
         for disk in d4 d5; do truncate -s 256M $disk; mkfs.ext4 -q -E lazy_itable_init=1,lazy_journal_init=1 $disk; done
         cp ${agentBinary} initramfs.d/init
         (cd initramfs.d && find . | cpio --quiet -o -H newc) > initramfs`,
      ],
      { cwd: dir },
    );
    const extra = (options.extra ?? []).map((argument) => argument.replaceAll('{dir}', dir));
    return new AgentVm(dir, kernel, options.memoryMiB ?? 128, extra);
  }

  async socket(): Promise<Socket> {
    for (;;) {
      const socket = await new Promise<Socket | undefined>((resolve) => {
        const attempt = connect(join(this.dir, 'port'));
        attempt.once('connect', () => resolve(attempt));
        attempt.once('error', () => resolve(undefined));
      });
      if (socket) return socket;
      if (this.#process.exitCode !== null) throw new Error(`QEMU ended: ${this.console}`);
      await systemClock.sleep(10);
    }
  }

  async client(): Promise<GuestClient> {
    const options = { clock: systemClock, random: systemRandom, attemptTimeoutMs: 200, timeoutMs: 30_000 };
    try {
      const client = await GuestClient.open(await this.socket(), options);
      this.#clients.push(client);
      return client;
    } catch (error) {
      throw new Error(`no agent; the console says: ${this.console}`, { cause: error });
    }
  }

  podBody(more: Partial<PodBody> = {}): PodBody {
    return {
      hostname: 'testpod',
      machineId: '0123456789abcdef0123456789abcdef',
      wallClockNs: `${Date.now()}000000`,
      entropy: systemRandom.bytes(64).toString('base64'),
      network: { interface: 'eth0', addresses: ['10.0.2.15/24', 'fd00::15/64'], gateway4: '10.0.2.2' },
      ...more,
      disks: [
        { device: 'd0', at: 'images/main', type: 'squashfs', readOnly: true },
        { device: 'd4', at: 'writable', type: 'ext4' },
        ...(more.disks ?? []),
      ],
    };
  }

  async pod(more: Partial<PodBody> = {}): Promise<GuestClient> {
    const client = await this.client();
    await client.setUpPod(this.podBody(more));
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      this.#process.kill('SIGKILL');
      await ended;
    }
    await rm(this.dir, { recursive: true, force: true });
  }
}
