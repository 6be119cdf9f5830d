import { createServer, type Server, Socket } from 'node:net';
import { type Duplex, finished } from 'node:stream';
import { isErrno, messageOf } from '@kraud/base';
import type { Door, GateParts } from './parts.ts';
import type { Backend, Gate } from './plan.ts';
import type { Rotation } from './rotation.ts';

/**
 * Carries each connection to the next pod that takes it. Until one has, nothing of the client's bytes is lost: the
 * others are tried, and then all of them again, for as long as patience lasts. Either side may finish sending before
 * the other; when one breaks, the other sees a reset.
 */
export class TcpDoor implements Door {
  readonly #parts: GateParts;
  readonly #rotation: Rotation;
  readonly #server: Server;
  readonly #clients = new Set<Socket>();

  private constructor(parts: GateParts, rotation: Rotation) {
    this.#parts = parts;
    this.#rotation = rotation;
    this.#server = createServer({
      allowHalfOpen: true,
      pauseOnConnect: true,
      keepAlive: true,
      noDelay: true,
    });
    this.#server.maxConnections = parts.limits.connectionsMax;
    this.#server.on('connection', (client) => void this.#carry(client));
  }

  static async open(parts: GateParts, gate: Gate, rotation: Rotation): Promise<TcpDoor> {
    const door = new TcpDoor(parts, rotation);
    try {
      await door.#listen(gate.address === '' ? '::' : gate.address, gate.port);
    } catch (error) {
      if (gate.address !== '' || !isErrno(error, 'EAFNOSUPPORT', 'EADDRNOTAVAIL')) throw error;
      await door.#listen('0.0.0.0', gate.port);
    }
    return door;
  }

  shut(): void {
    this.#server.close();
  }

  close(): void {
    this.shut();
    for (const client of this.#clients) client.destroy();
  }

  async #listen(host: string, port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, exclusive: true }, () => {
        this.#server.removeListener('error', reject);
        this.#server.on('error', () => {});
        resolve();
      });
    });
  }

  async #carry(client: Socket): Promise<void> {
    const gone = new AbortController();
    this.#clients.add(client);
    client.on('error', () => {});
    client.once('close', () => {
      this.#clients.delete(client);
      gone.abort();
    });
    const pod = await this.#reach(gone.signal);
    if (!pod || gone.signal.aborted) {
      pod?.destroy();
      client.resetAndDestroy();
      return;
    }
    tie(client, pod);
    tie(pod, client);
  }

  async #reach(signal: AbortSignal): Promise<Duplex | undefined> {
    const { clock, limits } = this.#parts;
    const untilMs = clock.monotonic() + limits.patienceMs;
    while (!signal.aborted) {
      for (const backend of this.#rotation.next()) {
        // It may have been told to stop since this round began.
        const pod = this.#rotation.has(backend.uid) ? await this.#connect(backend, signal) : undefined;
        if (pod || signal.aborted) return pod;
      }
      if (clock.monotonic() >= untilMs) return undefined;
      await clock.sleep(limits.retryMs, signal).catch(() => {});
    }
    return undefined;
  }

  async #connect(backend: Backend, signal: AbortSignal): Promise<Duplex | undefined> {
    const { hostOf, limits, logger } = this.#parts;
    const late = AbortSignal.timeout(limits.connectTimeoutMs);
    try {
      const { ports } = hostOf(backend.host);
      return await ports.connect(backend.uid, backend.port, AbortSignal.any([signal, late]));
    } catch (error) {
      logger.debug({ pod: backend.uid, error: messageOf(error) }, 'a pod did not take a connection');
      return undefined;
    }
  }
}

function tie(from: Duplex, to: Duplex): void {
  finished(from, (error) => {
    if (!error || to.destroyed) return;
    if (to instanceof Socket) to.resetAndDestroy();
    else to.destroy(error);
  });
  from.pipe(to);
}
