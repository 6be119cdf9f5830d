import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { type Clock, KraudError, type Logger, messageOf, type Random } from '@kraud/base';
import type { HostApi } from '../contract.ts';
import { linkPrefix } from './caller.ts';
import { Channel, unexpected } from './channel.ts';
import { check, parseJson } from './check.ts';
import { errorBody } from './error.ts';
import { ServedExecs } from './exec.ts';
import { serveArchiveGet, serveArchivePut, serveExport } from './files.ts';
import { serveBlob, serveImport, serveLoad, servePull, servePush, serveSave } from './images.ts';
import type { LinkLimits } from './limits.ts';
import { serveOutput, serveStdin } from './output.ts';
import { serveConnect, serveDatagrams } from './ports.ts';
import { tend, widen } from './session.ts';
import { type UnaryName, unaryCalls } from './unary.ts';

export interface LinkServerOptions {
  readonly host: HostApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits: LinkLimits;
}

type Serve = (host: HostApi, channel: Channel, args: unknown) => Promise<void>;

/** Answers calls of other hosts with what the agent of this one does. Who may call is for whoever listens to say. */
export class LinkServer {
  readonly #options: LinkServerOptions;
  readonly #calls = new Map<string, Serve>();
  #going = 0;

  constructor(options: LinkServerOptions) {
    this.#options = options;
    const execs = new ServedExecs(options.random);
    const streaming: Record<string, Serve> = {
      output: serveOutput,
      stdin: serveStdin,
      exec: (host, channel, args) => execs.serve(host, channel, args),
      'exec-resize': async (_, channel, args) => {
        await execs.resize(args);
        await channel.sendJson('result', null);
      },
      'archive-get': serveArchiveGet,
      'archive-put': serveArchivePut,
      export: serveExport,
      pull: servePull,
      push: servePush,
      load: serveLoad,
      import: serveImport,
      save: serveSave,
      blob: serveBlob,
      connect: serveConnect,
      datagrams: serveDatagrams,
    };
    for (const [name, serve] of Object.entries(streaming)) this.#calls.set(name, serve);
    for (const name of Object.keys(unaryCalls)) this.#calls.set(name, serveUnary(name as UnaryName));
  }

  /** Takes one call; never throws. */
  async serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const { limits, host, logger } = this.#options;
    if (stream.session) {
      widen(stream.session, limits);
      tend(stream.session, this.#options);
    }
    const channel = new Channel(stream);
    const name = (headers[':path'] ?? '').slice(linkPrefix.length);
    this.#going += 1;
    try {
      stream.respond({ ':status': 200 });
      if (this.#going > limits.callsMax) {
        throw new KraudError('exhausted', `host ${host.name} has ${limits.callsMax} calls going on`);
      }
      const serve = this.#calls.get(name);
      if (!serve) throw new KraudError('unsupported', `host ${host.name} does not know the call ${name}`);
      const { kind, payload } = await channel.receive();
      if (kind !== 'call') throw unexpected(kind);
      await serve(host, channel, parseJson(payload));
    } catch (error) {
      logger.debug({ call: name, error: messageOf(error) }, 'a call of another host failed');
      if (!channel.signal.aborted) await channel.sendJson('error', errorBody(error)).catch(() => {});
    } finally {
      this.#going -= 1;
      channel.done();
    }
  }
}

function serveUnary(name: UnaryName): Serve {
  return async (host, channel, args) => {
    const { args: schema, run } = unaryCalls[name];
    const given = check(schema, args);
    await channel.sendJson(
      'result',
      await (run as (host: HostApi, args: unknown) => Promise<unknown>)(host, given),
    );
  };
}
