import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Clock, codeOf, KraudError, systemRandom } from '@kraud/base';
import { diskSlots, guestInterface, hostPathsTag, type SizeClass } from '../contract.ts';
import { GuestClient, type PodDisk } from '../guest/index.ts';
import { isAlive } from '../process.ts';
import { jailPaths } from '../vmm/arguments.ts';
import { connectUnix } from '../vmm/socket.ts';
import type { Vmm } from '../vmm/vmm.ts';

const attemptTimeoutMs = 500;
/** Many times what a guest takes on a busy machine. */
const firstSilenceMs = 8_000;

/** What programs do first: open, write, list, fork, pipe, execute, exit. */
const script = `b=/bin/busybox; $b ls -l / > /tmp/list; $b cat /tmp/list | $b cat; $b rm /tmp/list; exec $b echo ready`;

/** What most containers have, so that the guest has been through it. */
const capabilities =
  'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE'.split(
    ' ',
  );
const maskedPaths =
  '/proc/acpi /proc/interrupts /proc/kcore /proc/keys /proc/timer_list /proc/scsi /sys/firmware'.split(' ');
const readonlyPaths = '/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger'.split(' ');

/** Twice what the rehearsal's program and its memory take: the pages that a pod gets next are among these. */
const scrubMiB = 4;

/** As pods ask for their writable disk; one mounted ahead of them must match to the letter. */
export const writableDisk: PodDisk = {
  device: diskSlots.writable,
  at: 'writable',
  type: 'ext4',
  readOnly: false,
};

/**
 * Connects to the agent; answers once it has answered. Fails at once when the VMM ends. A guest that may not have heard of a
 * connection gets another one after a while, each time after twice as long.
 */
export async function connectAgent(
  vmm: Pick<Vmm, 'identity'>,
  options: {
    readonly clock: Clock;
    readonly timeoutMs: number;
    readonly signal?: AbortSignal | undefined;
    /** How long the first connection may be silent. */
    readonly silenceMs?: number;
  },
): Promise<GuestClient> {
  const { clock, timeoutMs, signal } = options;
  const alive = (): Promise<boolean> => isAlive(vmm.identity.mark);
  const path = join(vmm.identity.dir, jailPaths.agent);
  const deadlineMs = clock.monotonic() + timeoutMs;
  for (let silenceMs = options.silenceMs ?? firstSilenceMs; ; silenceMs *= 2) {
    const leftMs = deadlineMs - clock.monotonic();
    if (leftMs <= 0) {
      throw new KraudError('timeout', `the guest agent did not answer within ${timeoutMs} ms`);
    }
    const socket = await connectUnix(path, { clock, timeoutMs: leftMs, alive, signal });
    const patience = { attemptTimeoutMs, timeoutMs: Math.min(silenceMs, leftMs) };
    try {
      return await GuestClient.open(socket, {
        ...{ clock, random: systemRandom, ...patience },
        ...(signal ? { signal } : {}),
      });
    } catch (error) {
      if (codeOf(error) !== 'timeout') throw error;
    }
  }
}

/** The guest stops all, syncs and lets go of its disks. */
export function endPod(guest: GuestClient): Promise<void> {
  return guest.tearDownPod();
}

/**
 * Goes through what the start of a real container goes through, with nobody's data: the guest's caches are filled,
 * and under TCG its code is translated. Afterwards the guest is as before.
 */
export async function rehearse(guest: GuestClient, size: SizeClass): Promise<void> {
  const disks = [{ device: 'd0', at: 'images/main', type: 'erofs' as const, readOnly: true }, writableDisk];
  const share = { tag: hostPathsTag, at: 'hostpaths', type: '9p' as const };
  const set = guest.setUpPod({
    hostname: 'rehearsal',
    machineId: randomBytes(16).toString('hex'),
    wallClockNs: String(BigInt(Date.now()) * 1_000_000n),
    entropy: randomBytes(64).toString('base64'),
    network: {
      interface: guestInterface,
      mac: '02:00:00:00:00:01',
      mtu: 1500,
      addresses: ['192.0.2.2/24'],
      gateway4: '192.0.2.1',
    },
    resolv: { servers: ['192.0.2.1'], search: [], options: [] },
    hosts: [['192.0.2.2', 'rehearsal']],
    disks: size.hostPaths ? [...disks, share] : disks,
  });
  const created = guest.createContainer('rehearsal', {
    image: 'images/main',
    writable: 'writable',
    args: ['/bin/busybox', 'sh', '-c', script],
    env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    cwd: '/',
    capabilities,
    shmBytes: 64 * 1024 * 1024,
    maskedPaths,
    readonlyPaths,
    resources: { pidsMax: 100 },
  });
  const started = guest.startContainer('rehearsal');
  await Promise.all([set, created, started]);
  const logs = await guest.logs('rehearsal');
  for await (const entry of logs) logs.ack(entry.offset + BigInt(entry.bytes.length));
  logs.close();
  await guest.waitContainer('rehearsal');
  await guest.removeContainer('rehearsal');
  await guest.tearDownPod({ scrubMiB });
}
