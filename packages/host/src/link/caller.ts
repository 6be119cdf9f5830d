import type { ClientHttp2Session } from 'node:http2';
import { KraudError } from '@kraud/base';
import type { Static, TSchema } from 'typebox';
import { Channel } from './channel.ts';
import { linkLost } from './error.ts';
import * as s from './schemas.ts';
import { type UnaryArgs, type UnaryName, type UnaryResult, unaryCalls } from './unary.ts';

export const linkPrefix = '/link/v1/';

/** Opens calls to one other host. */
export class Caller {
  readonly #session: () => ClientHttp2Session;

  /** `session`: the connection to that host, made anew when it is lost. */
  constructor(session: () => ClientHttp2Session) {
    this.#session = session;
  }

  /** A call that has been asked for; its answer is still to come. */
  async open(name: string, args: unknown, signal?: AbortSignal): Promise<Channel> {
    signal?.throwIfAborted();
    const session = this.#session();
    if (session.closed || session.destroyed) throw linkLost();
    const stream = session.request({ ':method': 'POST', ':path': `${linkPrefix}${name}` });
    stream.once('response', (headers) => {
      const status = headers[':status'] ?? 0;
      if (status === 200) return;
      const code = status === 403 ? 'forbidden' : 'unavailable';
      stream.destroy(new KraudError(code, `the other host refuses calls (${status})`));
    });
    const channel = new Channel(stream, signal);
    await channel.sendJson('call', args);
    return channel;
  }

  async ask<N extends UnaryName>(name: N, args: UnaryArgs<N>): Promise<UnaryResult<N>> {
    return await this.#answer<(typeof unaryCalls)[N]['result']>(name, args, unaryCalls[name].result);
  }

  async act(name: string, args: unknown): Promise<void> {
    await this.#answer(name, args, s.nothing);
  }

  async #answer<S extends TSchema>(name: string, args: unknown, schema: S): Promise<Static<S>> {
    const channel = await this.open(name, args);
    try {
      return await channel.result(schema);
    } finally {
      channel.done();
    }
  }
}
