import { open } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { type Clock, isErrno, KraudError } from '@kraud/base';

const retryMs = 2;

/**
 * Connects to a unix socket that may not be there yet. The path may be longer than the 107 bytes that an address
 * holds. `alive` is asked between tries.
 */
export async function connectUnix(
  path: string,
  options: {
    clock: Clock;
    timeoutMs: number;
    alive: () => Promise<boolean>;
    signal?: AbortSignal | undefined;
  },
): Promise<Socket> {
  await using dir = await open(dirname(path));
  const short = join('/proc/self/fd', String(dir.fd), basename(path));
  const deadline = options.clock.monotonic() + options.timeoutMs;
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      return await tryConnect(short);
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ECONNREFUSED')) throw error;
    }
    if (!(await options.alive())) throw new KraudError('unavailable', 'the VMM ended while it started');
    if (options.clock.monotonic() > deadline)
      throw new KraudError('timeout', `no socket at ${basename(path)}`);
    await options.clock.sleep(retryMs);
  }
}

function tryConnect(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('error', reject);
    socket.once('connect', () => {
      // A VMM may end at any time, also while nobody has begun to listen: everybody learns of it by the close.
      socket.on('error', () => {});
      socket.off('error', reject);
      resolve(socket);
    });
  });
}
