import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { KraudError, messageOf } from '@kraud/base';
import type { HostPorts } from '../contract.ts';

/** Ports of this host's pods, dialled from the host itself. */
export function hostPorts(addressOf: (uid: string) => string, connectTimeoutMs: number): HostPorts {
  return {
    connect: async (uid, port, signal) => await dial(addressOf(uid), port, connectTimeoutMs, signal),
    datagrams: async (uid, port, received, signal) => await exchange(addressOf(uid), port, received, signal),
  };
}

function dial(host: string, port: number, timeoutMs: number, signal: AbortSignal): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = connect({ host, port, allowHalfOpen: true, keepAlive: true, noDelay: true });
    const fail = (error: unknown): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.setTimeout(timeoutMs, () =>
      fail(new KraudError('unavailable', `${host}:${port} does not answer`)),
    );
    socket.once('error', (cause) => fail(new KraudError('unavailable', messageOf(cause), { cause })));
    socket.once('connect', () => {
      socket.setTimeout(0);
      signal.removeEventListener('abort', onAbort);
      resolve(socket);
    });
  });
}

async function exchange(
  host: string,
  port: number,
  received: (data: Buffer) => void,
  signal: AbortSignal,
): Promise<(data: Buffer) => void> {
  signal.throwIfAborted();
  const socket = createSocket({ type: 'udp4', signal });
  // A port that nobody has open is reported as an error: for datagrams that is a loss like any other.
  socket.on('error', () => {});
  socket.on('message', (data, from) => {
    if (from.address === host && from.port === port) received(data);
  });
  return (data) => {
    if (!signal.aborted) socket.send(data, port, host, () => {});
  };
}
