import { type ClientHttp2Session, connect, constants } from 'node:http2';
import type { PeerCertificate } from 'node:tls';
import { type Clock, KraudError, type Logger, messageOf } from '@kraud/base';
import type { Host } from '@kraud/macro';
import type { HostIdentity, PeerSessions } from './contract.ts';
import type { PeerLimits } from './limits.ts';

export interface SessionsParts {
  readonly identity: HostIdentity;
  readonly limits: PeerLimits;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Open {
  readonly address: string;
  /** The roots by which the other end was believed. */
  readonly ca: string;
  readonly session: ClientHttp2Session;
}

/** One session for each host, tried by pings while it is open, so that a host that died is found out soon. */
export class TlsPeerSessions implements PeerSessions {
  readonly #parts: SessionsParts;
  readonly #open = new Map<string, Open>();
  #closed = false;

  constructor(parts: SessionsParts) {
    this.#parts = parts;
  }

  session(host: Host): ClientHttp2Session {
    const { name } = host.meta;
    const { address } = host.status;
    if (this.#closed) throw new KraudError('unavailable', 'this host is about to stop');
    if (address === undefined) {
      throw new KraudError('unavailable', `the host ${name} can’t be reached: it listens nowhere (--listen)`);
    }
    const present = this.#open.get(name);
    const { ca } = this.#parts.identity;
    const isSame = present?.address === address && present.ca === ca;
    if (isSame && !present.session.closed && !present.session.destroyed) return present.session;
    present?.session.close();
    const session = this.#connect(name, address);
    this.#open.set(name, { address, ca, session });
    return session;
  }

  /** Ends all sessions, and what goes on in them. */
  close(): void {
    this.#closed = true;
    for (const { session } of this.#open.values()) session.destroy();
    this.#open.clear();
  }

  #connect(name: string, address: string): ClientHttp2Session {
    const { identity, limits, logger } = this.#parts;
    const session = connect(`https://${address}`, {
      cert: identity.cert,
      key: identity.key,
      ca: identity.ca,
      minVersion: 'TLSv1.3',
      maxSessionMemory: limits.sessionMiBMax,
      // An address may have been given to another host since: the certificate says who answers.
      checkServerIdentity: (_address: string, cert: PeerCertificate) =>
        cert.subject.CN === name
          ? undefined
          : new KraudError('unavailable', `${address} is ${cert.subject.CN}, not ${name}`),
    });
    const over = new AbortController();
    session.once('close', () => {
      over.abort();
      if (this.#open.get(name)?.session === session) this.#open.delete(name);
    });
    session.on('error', (error) => logger.debug({ host: name, error: messageOf(error) }, 'a session ended'));
    session.once('goaway', () => {
      if (this.#open.get(name)?.session === session) this.#open.delete(name);
    });
    void this.#watch(session, name, over.signal);
    const late = setTimeout(() => {
      session.destroy(unreachable(name, `no connection within ${limits.connectTimeoutMs} ms`));
    }, limits.connectTimeoutMs);
    const settled = (): void => clearTimeout(late);
    session.once('connect', settled);
    session.once('close', settled);
    return session;
  }

  async #watch(session: ClientHttp2Session, name: string, signal: AbortSignal): Promise<void> {
    const { clock, limits } = this.#parts;
    for (;;) {
      await clock.sleep(limits.pingIntervalMs, signal).catch(() => {});
      // Between its end and its `close` a ping would throw.
      if (signal.aborted || session.destroyed) return;
      if (session.connecting) continue;
      const answered = new AbortController();
      const late = clock
        .sleep(limits.pingTimeoutMs, AbortSignal.any([signal, answered.signal]))
        .then(() => session.destroy(unreachable(name, 'it does not answer'), constants.NGHTTP2_CANCEL))
        .catch(() => {});
      session.ping(() => answered.abort());
      await late;
    }
  }
}

function unreachable(name: string, why: string): KraudError {
  return new KraudError('unavailable', `the host ${name} can’t be reached: ${why}`);
}
