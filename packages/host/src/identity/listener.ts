import type { X509Certificate } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http2';
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { isErrno, KraudError, type Logger, messageOf } from '@kraud/base';
import type { HostIdentity, Peer, PeerHandler, PeerListener } from './contract.ts';
import { keyDigestOf, nameOf } from './key.ts';
import type { PeerLimits } from './limits.ts';
import type { Members } from './members.ts';

/** Requests that need no membership: how one joins. `address` is where they come from. */
export type OpenHandler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, address: string) => void;

export interface ListenerParts {
  readonly identity: HostIdentity;
  readonly members: Pick<Members, 'has' | 'onRemoved'>;
  readonly limits: PeerLimits;
  readonly logger: Logger;
}

/**
 * The one port on which this host answers others. TLS asks for a certificate and every request is checked: without
 * one of a member nothing is reached but what was opened to all.
 */
export class TlsPeerListener implements PeerListener {
  readonly #parts: ListenerParts;
  readonly #server: Http2SecureServer;
  readonly #handlers: { readonly prefix: string; readonly handler: PeerHandler }[] = [];
  readonly #open = new Map<string, OpenHandler>();
  readonly #sessions = new Map<Http2Session, Promise<Peer | undefined>>();
  readonly #endings: (() => void)[] = [];

  constructor(parts: ListenerParts) {
    this.#parts = parts;
    this.#server = createSecureServer({
      ...secureContext(parts.identity),
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
      allowHTTP1: false,
      maxSessionMemory: parts.limits.sessionMiBMax,
      settings: { maxConcurrentStreams: parts.limits.streamsMax },
    });
    this.#server.on('session', (session) => this.#admit(session));
    this.#server.on('sessionError', (error) =>
      parts.logger.debug({ error: messageOf(error) }, 'a peer went'),
    );
    this.#server.on('stream', (stream, headers) => void this.#dispatch(stream, headers));
    this.#endings.push(
      parts.identity.onRenewed(() => this.#server.setSecureContext(secureContext(parts.identity))),
      parts.members.onRemoved((name) => void this.#drop(name)),
    );
  }

  handle(prefix: string, handler: PeerHandler): void {
    this.#handlers.push({ prefix, handler });
  }

  /** For anyone; `path` is exact. */
  handleOpen(path: string, handler: OpenHandler): void {
    this.#open.set(path, handler);
  }

  async listen(address: { ip: string; port: number }): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => {
        const taken = isErrno(error, 'EADDRINUSE', 'EADDRNOTAVAIL', 'EACCES');
        const where = `${address.ip}:${address.port}`;
        if (taken) reject(new KraudError('unavailable', `--listen ${where}: ${messageOf(error)}`));
        else reject(error);
      });
      this.#server.listen({ host: address.ip, port: address.port }, resolve);
    });
    this.#server.on('error', (error) => this.#parts.logger.error({ error }, 'peer listener'));
  }

  /** Ends all sessions. */
  async close(): Promise<void> {
    for (const end of this.#endings) end();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const session of this.#sessions.keys()) session.destroy();
    if (this.#server.listening) await closed;
  }

  #admit(session: Http2Session): void {
    const admission = this.#peerOf(session.socket as TLSSocket);
    admission.then(
      (peer) => peer ?? session.setTimeout(this.#parts.limits.joinTimeoutMs, () => session.destroy()),
      () => {},
    );
    this.#sessions.set(session, admission);
    session.on('error', () => {});
    session.once('close', () => this.#sessions.delete(session));
  }

  async #peerOf(socket: TLSSocket): Promise<Peer | undefined> {
    if (!socket.authorized) return undefined;
    const cert: X509Certificate | undefined = socket.getPeerX509Certificate();
    const name = cert && nameOf(cert);
    if (!cert || name === undefined) return undefined;
    return (await this.#parts.members.has(name, keyDigestOf(cert))) ? { name } : undefined;
  }

  async #dispatch(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    stream.on('error', (error) =>
      this.#parts.logger.debug({ error: messageOf(error) }, 'a peer’s request ended'),
    );
    const path = headers[':path'] ?? '';
    const { session } = stream;
    try {
      const open = this.#open.get(path);
      if (open) return open(stream, headers, session?.socket.remoteAddress ?? '');
      const peer = session && (await this.#sessions.get(session));
      if (stream.destroyed) return;
      if (!peer) {
        // The next session may show another certificate: a member's may have run out, or not be valid yet.
        session?.close();
        return refuse(stream, 403, 'forbidden', 'only hosts of this cloud are served');
      }
      const found = this.#handlers.find(({ prefix }) => path.startsWith(prefix));
      if (!found) return refuse(stream, 404, 'not-found', 'this host does not know such a request');
      found.handler(stream, headers, peer);
    } catch (error) {
      // The next session asks the store again.
      session?.close();
      refuse(stream, 503, 'unavailable', messageOf(error));
    }
  }

  async #drop(name: string): Promise<void> {
    for (const [session, admission] of this.#sessions) {
      const peer = await admission.catch(() => undefined);
      if (peer?.name === name) session.destroy();
    }
  }
}

function secureContext({ cert, key, ca }: HostIdentity): { cert: string; key: string; ca: string } {
  return { cert, key, ca };
}

function refuse(stream: ServerHttp2Stream, status: number, code: string, message: string): void {
  if (stream.destroyed || stream.headersSent) return;
  stream.respond({ ':status': status, 'content-type': 'application/json' });
  stream.end(JSON.stringify({ code, message }));
}
