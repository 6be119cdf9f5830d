import { connect, createServer } from 'node:net';
import { isErrno, KraudError, messageOf } from '@kraud/base';
import { formatAddress, type PeerAddress } from '@kraud/host';

/** This machine's address on the way to `host:port`. `timeout` when nothing answers there, `unavailable` when none listens. */
export async function localAddressTo(address: string, timeoutMs: number): Promise<string> {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[(.*)\]$/, '$1');
  const socket = connect({ host, port: Number(address.slice(at + 1)) });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', (error) => {
        const code = isErrno(error, 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH') ? 'timeout' : 'unavailable';
        reject(new KraudError(code, `the host at ${address} can’t be reached: ${messageOf(error)}`));
      });
      socket.setTimeout(timeoutMs, () => {
        reject(new KraudError('timeout', `the host at ${address} did not answer within ${timeoutMs} ms`));
      });
    });
    if (socket.localAddress === undefined) throw new KraudError('unavailable', `${address} hung up`);
    return socket.localAddress;
  } finally {
    socket.destroy();
  }
}

/** Fails as a listener at this address would. */
export async function tryToListen(at: PeerAddress): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: at.ip, port: at.port }, resolve);
    });
  } catch (error) {
    const why = isErrno(error, 'EADDRINUSE')
      ? 'address already in use'
      : isErrno(error, 'EADDRNOTAVAIL')
        ? 'this machine has no such address'
        : messageOf(error);
    throw new KraudError('invalid', `could not listen at ${formatAddress(at)}: ${why}`, { cause: error });
  }
  await new Promise((resolve) => server.close(resolve));
}
