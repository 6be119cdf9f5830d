import { createSocket, type Socket } from 'node:dgram';
import { isErrno, messageOf } from '@kraud/base';
import type { Door, GateParts } from './parts.ts';
import type { Gate } from './plan.ts';
import type { Rotation } from './rotation.ts';

/** A client, and the pod that it was given. */
interface Flow {
  readonly uid: string;
  readonly stop: AbortController;
  readonly idle: NodeJS.Timeout;
  readonly send: Promise<(data: Buffer) => void>;
}

/**
 * Carries each client's datagrams to one pod, and that pod's answers back. A client whose pod is not ready any more is
 * given another one. With too many clients, or no pod that is ready, datagrams are lost.
 */
export class UdpDoor implements Door {
  readonly #parts: GateParts;
  readonly #rotation: Rotation;
  readonly #socket: Socket;
  readonly #flows = new Map<string, Flow>();
  #shut = false;

  private constructor(parts: GateParts, rotation: Rotation, socket: Socket) {
    this.#parts = parts;
    this.#rotation = rotation;
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('message', (data, from) => this.#carry(data, from.address, from.port));
  }

  static async open(parts: GateParts, gate: Gate, rotation: Rotation): Promise<UdpDoor> {
    try {
      return new UdpDoor(parts, rotation, await bind(gate.address === '' ? '::' : gate.address, gate.port));
    } catch (error) {
      if (gate.address !== '' || !isErrno(error, 'EAFNOSUPPORT', 'EADDRNOTAVAIL')) throw error;
      return new UdpDoor(parts, rotation, await bind('0.0.0.0', gate.port));
    }
  }

  shut(): void {
    this.close();
  }

  close(): void {
    if (this.#shut) return;
    this.#shut = true;
    this.#socket.close();
    for (const key of [...this.#flows.keys()]) this.#forget(key);
  }

  #carry(data: Buffer, address: string, port: number): void {
    if (this.#shut) return;
    const key = `${address} ${port}`;
    const present = this.#flows.get(key);
    if (present && !this.#rotation.has(present.uid)) this.#forget(key);
    const flow = this.#flows.get(key) ?? this.#meet(key, address, port);
    if (!flow) return;
    flow.idle.refresh();
    flow.send.then(
      (send) => send(data),
      () => {},
    );
  }

  #meet(key: string, address: string, port: number): Flow | undefined {
    const { limits, logger, hostOf } = this.#parts;
    const [backend] = this.#rotation.next();
    if (!backend || this.#flows.size >= limits.udpClientsMax) return undefined;
    const stop = new AbortController();
    const idle = setTimeout(() => this.#forget(key), limits.udpIdleMs);
    idle.unref();
    const answer = (data: Buffer): void => {
      idle.refresh();
      if (!this.#shut) this.#socket.send(data, port, address, () => {});
    };
    const send = Promise.try(() =>
      hostOf(backend.host).ports.datagrams(backend.uid, backend.port, answer, stop.signal),
    );
    send.catch((error: unknown) => {
      logger.debug({ pod: backend.uid, error: messageOf(error) }, 'a pod did not take datagrams');
      this.#forget(key);
    });
    const flow = { uid: backend.uid, stop, idle, send };
    this.#flows.set(key, flow);
    return flow;
  }

  #forget(key: string): void {
    const flow = this.#flows.get(key);
    if (!flow) return;
    this.#flows.delete(key);
    clearTimeout(flow.idle);
    flow.stop.abort();
  }
}

async function bind(address: string, port: number): Promise<Socket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ address, port, exclusive: true }, () => {
      socket.removeAllListeners('error');
      resolve();
    });
  });
  return socket;
}
