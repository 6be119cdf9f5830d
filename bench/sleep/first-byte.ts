import { request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const timeoutMs = 60_000;
const againMs = 1;

/** One connection, one request; until the first byte of its answer is here. */
async function ask(port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    socket.once('connect', () => socket.write('GET /n HTTP/1.0\r\n\r\n'));
    socket.once('data', () => {
      resolve();
      socket.destroy();
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed without an answer')));
  });
}

async function start(socketPath: string, container: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const path = `/containers/${container}/start`;
    const asked = request({ socketPath, method: 'POST', path }, (response) => {
      response.resume().once('end', resolve);
      if (response.statusCode !== 204) reject(new Error(`${path}: ${response.statusCode}`));
    });
    asked.on('error', reject).end();
  });
}

/**
 * Milliseconds until the first byte of a response from a port of this host. With `started` a stopped container is started first,
 * and who is refused asks again; otherwise the first connection has to do.
 */
export async function firstByte(
  port: number,
  started?: { readonly socket: string; readonly container: string },
): Promise<number> {
  const startMs = performance.now();
  if (!started) await ask(port);
  else {
    await start(started.socket, started.container);
    for (;;) {
      const fault = await ask(port).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (fault === undefined) break;
      if (performance.now() - startMs > timeoutMs) throw fault;
      await delay(againMs);
    }
  }
  return performance.now() - startMs;
}
