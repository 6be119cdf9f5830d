import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Caller, Cloud } from '@kraud/cloud';
import { Call, type Serving } from './call.ts';
import { failureOf, HttpFault } from './errors.ts';
import { operations } from './operations.ts';
import { Query } from './query.ts';
import { Routes } from './routes.ts';
import { apiVersionMax, splitVersion } from './version.ts';
import { expectRaw } from './wire/hijack.ts';
import { warnOfUnknown } from './wire/unknown.ts';

/** From a request to its operation and, whatever happens, to exactly one reply. */
export class Dispatch {
  readonly #cloud: Cloud;
  readonly #caller: Caller;
  readonly #serving: Serving;
  readonly #routes = new Routes(operations);

  constructor(cloud: Cloud, caller: Caller, serving: Serving) {
    this.#cloud = cloud;
    this.#caller = caller;
    this.#serving = serving;
  }

  async handle(
    req: IncomingMessage,
    res: ServerResponse,
    upgrade: { socket: Socket; head: Buffer } | undefined,
  ): Promise<void> {
    res.setHeader('Api-Version', apiVersionMax);
    res.setHeader('Docker-Experimental', 'false');
    res.setHeader('Ostype', 'linux');
    res.setHeader('Server', `Kraud/${this.#serving.version} (linux)`);
    let call: Call | undefined;
    try {
      const url = req.url ?? '/';
      const at = url.indexOf('?');
      const { minor, rest } = splitVersion(at < 0 ? url : url.slice(0, at));
      if (req.method === 'OPTIONS') return void res.end();
      const match = this.#routes.find(req.method ?? 'GET', rest);
      if (!match) throw new HttpFault(404, 'page not found');
      const { operation, tree, params } = match;
      const query = new Query(at < 0 ? '' : url.slice(at + 1));
      if (operation.hijacks && !upgrade) expectRaw(req.socket);
      call = new Call({
        req,
        res,
        caller: this.#caller,
        serving: this.#serving,
        minor,
        query,
        params,
        tree,
        upgrade,
      });
      const unknown = query.check(operation.params ?? {});
      warnOfUnknown(res, 'query parameter', unknown);
      await operation.run(this.#cloud, call);
    } catch (error) {
      if (call) call.fail(error);
      else refuse(req, res, error);
    }
  }
}

/** A request that never became a call: its body is of no interest. */
function refuse(req: IncomingMessage, res: ServerResponse, error: unknown): void {
  const { status, message } = failureOf(error);
  const text = Buffer.from(`${JSON.stringify({ message })}\n`);
  res.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': text.length });
  res.end(req.method === 'HEAD' ? undefined : text);
}
