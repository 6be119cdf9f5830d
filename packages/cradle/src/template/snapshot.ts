import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { chmod, open } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Clock, KraudError } from '@kraud/base';
import { jailPaths } from '../vmm/arguments.ts';
import type { Vmm } from '../vmm/vmm.ts';

const pollMs = 2;
const capabilities = [{ capability: 'x-ignore-shared', state: true }];

/** Writes the device state of a paused VM to a file; its shared memory is in its own file already. */
export async function saveState(vmm: Vmm, path: string, clock: Clock): Promise<void> {
  const socketPath = join(vmm.identity.dir, jailPaths.state);
  await using dir = await open(dirname(socketPath));
  const connection = Promise.withResolvers<Socket>();
  const server = createServer((socket) => connection.resolve(socket));
  server.listen(join('/proc/self/fd', String(dir.fd), basename(socketPath)));
  try {
    await once(server, 'listening');
    await chmod(socketPath, 0o666);
    await vmm.execute('migrate-set-capabilities', { capabilities });
    await vmm.execute('migrate', { uri: `unix:${jailPaths.state}` });
    const ended = vmm.exited.then((exit) => {
      throw new KraudError('unavailable', exit.detail);
    });
    const written = connection.promise.then((socket) =>
      pipeline(socket, createWriteStream(path, { mode: 0o600 })),
    );
    await Promise.race([written, ended]);
    await settled(vmm, clock);
  } finally {
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
