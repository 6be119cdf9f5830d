import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { chmod, open, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Clock, KraudError, messageOf } from '@kraud/base';
import { jailPaths } from '../vmm/arguments.ts';
import type { Vmm } from '../vmm/vmm.ts';

const pollMs = 2;
const capabilities = [{ capability: 'x-ignore-shared', state: true }];
/** More than any host's memory is copied at. QEMU would keep to what a network carries. */
const bytesPerSecond = 2 ** 40;
/** What has become of a migration that is over. */
const ended = new Set(['none', 'completed', 'failed', 'cancelled']);
const goOnTimeoutMs = 10_000;

/** Writes the device state of a paused VM to a file; its shared memory is in its own file already. */
export async function saveState(vmm: Vmm, path: string, clock: Clock): Promise<void> {
  await sendState(vmm, clock, (stream) => pipeline(stream, createWriteStream(path, { mode: 0o600 })));
}

/**
 * Has a paused VM send all that it is, but for memory that it shares with a file. `take` reads to the end; what it throws,
 * `signal`, or a VMM that says nothing for `silenceMs` ends that. A VMM that refuses says why, with `conflict`. Afterwards the VM
 * is paused still: see `goOn`.
 */
export async function sendState(
  vmm: Vmm,
  clock: Clock,
  take: (stream: Socket) => Promise<void>,
  {
    signal,
    silenceMs = 60_000,
  }: { readonly signal?: AbortSignal | undefined; readonly silenceMs?: number } = {},
): Promise<void> {
  const socketPath = join(vmm.identity.dir, jailPaths.state);
  // An earlier daemon may have died here.
  await rm(socketPath, { force: true });
  await using dir = await open(dirname(socketPath));
  const connection = Promise.withResolvers<Socket>();
  const given = Promise.withResolvers<never>();
  given.promise.catch(() => {});
  const onAbort = (): void => given.reject(signal?.reason);
  const silent = (): KraudError => new KraudError('unavailable', `the VMM sent nothing for ${silenceMs} ms`);
  const timer = new AbortController();
  const server = createServer((socket) => {
    socket.on('error', () => {});
    connection.resolve(socket);
  });
  server.maxConnections = 1;
  server.listen(join('/proc/self/fd', String(dir.fd), basename(socketPath)));
  let stream: Socket | undefined;
  try {
    await once(server, 'listening');
    await chmod(socketPath, 0o666);
    signal?.addEventListener('abort', onAbort, { once: true });
    signal?.throwIfAborted();
    await Promise.all([
      vmm.execute('migrate-set-capabilities', { capabilities }),
      vmm.execute('migrate-set-parameters', { 'max-bandwidth': bytesPerSecond }),
    ]);
    try {
      await vmm.execute('migrate', { uri: `unix:${jailPaths.state}` });
    } catch (error) {
      throw new KraudError('conflict', `the VMM does not give away its state: ${messageOf(error)}`, {
        cause: error,
      });
    }
    void vmm.exited.then((exit) => given.reject(new KraudError('unavailable', exit.detail)));
    clock.sleep(silenceMs, timer.signal).then(
      () => given.reject(silent()),
      () => {},
    );
    const connected = await Promise.race([connection.promise, given.promise]);
    timer.abort();
    connected.setTimeout(silenceMs, () => connected.destroy(silent()));
    stream = connected;
    const taken = take(stream);
    taken.catch(() => {});
    await Promise.race([taken, given.promise]);
    await settled(vmm, clock, signal);
  } finally {
    timer.abort();
    signal?.removeEventListener('abort', onAbort);
    stream?.destroy();
    connection.promise.then(
      (socket) => socket.destroy(),
      () => {},
    );
    server.close();
  }
}

/** Loads device state from the VMM's inherited descriptor; the VM is paused afterwards. */
export async function loadState(
  vmm: Vmm,
  stateFd: number,
  clock: Clock,
  signal?: AbortSignal,
): Promise<void> {
  await Promise.all([
    vmm.execute('migrate-set-capabilities', { capabilities }),
    vmm.execute('migrate-incoming', { uri: `fd:${stateFd}` }),
  ]);
  await settled(vmm, clock, signal);
}

async function settled(vmm: Vmm, clock: Clock, signal?: AbortSignal): Promise<void> {
  for (;;) {
    signal?.throwIfAborted();
    const { status } = (await vmm.execute('query-migrate')) as { status?: string };
    if (status === 'completed') return;
    if (status === 'failed' || status === 'cancelled') throw new KraudError('corrupt', `snapshot: ${status}`);
    await clock.sleep(pollMs);
  }
}

/**
 * Lets a VM run on that was paused to send its state, whatever became of that, also when another daemon had begun it. Its disks
 * are its own again.
 */
export async function goOn(vmm: Vmm, clock: Clock): Promise<void> {
  const deadline = clock.monotonic() + goOnTimeoutMs;
  for (;;) {
    const [migration, machine] = (await Promise.all([
      vmm.execute('query-migrate'),
      vmm.execute('query-status'),
    ])) as [{ status?: string }, { status?: string; running?: boolean }];
    if (machine.running) return;
    const { status = 'none' } = migration;
    if (ended.has(status) && machine.status !== 'finish-migrate') await vmm.execute('cont');
    else {
      if (clock.monotonic() > deadline)
        throw new KraudError('unavailable', `the VMM stays ${machine.status}`);
      if (!ended.has(status)) await vmm.execute('migrate_cancel');
      await clock.sleep(pollMs);
    }
  }
}
