import type { IncomingMessage, ServerResponse } from 'node:http';
import { codeOf, KraudError, type Logger, messageOf } from '@kraud/base';
import type { Caller, Cloud } from '@kraud/cloud';
import findMyWay from 'find-my-way';
import { readBody } from './body.ts';
import { check } from './check.ts';
import { statusOf } from './errors.ts';
import { type KraApiLimits, kraApiLimits } from './limits.ts';
import type { Operation } from './operation.ts';
import { operations } from './operations.ts';

export interface KraApiOptions {
  readonly cloud: Cloud;
  /** Who everyone is that reaches this API. */
  readonly caller: Caller;
  readonly logger: Logger;
  readonly limits?: Partial<KraApiLimits>;
}

/** Serves what lies below `prefix`; another part owns the sockets. */
export interface KraApi {
  readonly prefix: string;
  handle(req: IncomingMessage, res: ServerResponse): void;
}

const prefix = '/kraud/v1';

export function createKraApi(options: KraApiOptions): KraApi {
  const limits = { ...kraApiLimits, ...options.limits };
  const router = findMyWay({ maxParamLength: 4096, ignoreTrailingSlash: true });
  const nothing = (): void => {};
  for (const operation of operations) router.on(operation.method, operation.path, nothing, operation);

  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const gone = new AbortController();
    res.once('close', () => gone.abort());
    const url = new URL(req.url ?? '/', 'http://localhost');
    const found = router.find((req.method ?? 'GET') as 'GET', url.pathname.slice(prefix.length));
    if (!found) throw new KraudError('not-found', `there is no ${req.method} ${url.pathname}`);
    const operation = found.store as Operation;
    const query = checked('query', operation.query, queryOf(url));
    const body = checked('body', operation.body, await readBody(req, limits, gone.signal));
    const { caller } = options;
    const params = found.params as Record<string, string>;
    const reply = await operation.run(options.cloud, { caller, params, query, body, signal: gone.signal });
    if (reply === undefined) res.writeHead(204).end();
    else send(res, 200, reply);
  };

  return {
    prefix: `${prefix}/`,
    handle(req, res) {
      answer(req, res).catch((error: unknown) => {
        const [code, message] = [codeOf(error), messageOf(error)];
        if (code === 'internal') options.logger.error({ url: req.url, error }, 'a request of kra failed');
        if (res.headersSent || res.destroyed) return void res.destroy();
        // What is left of the body must not be taken for the next request.
        if (!req.complete) res.setHeader('Connection', 'close');
        send(res, statusOf[code], { code, message });
      });
    },
  };
}

function send(res: ServerResponse, status: number, value: unknown): void {
  const text = Buffer.from(`${JSON.stringify(value)}\n`);
  res.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': text.length });
  res.end(text);
}

/** Each name may stand once. */
function queryOf(url: URL): Record<string, string> | undefined {
  const names = [...url.searchParams.keys()];
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new KraudError('invalid', `query '${twice}' is given twice`);
  return names.length === 0 ? undefined : Object.fromEntries(url.searchParams);
}

function checked(what: 'body' | 'query', schema: Operation['body'], value: unknown): unknown {
  if (schema === undefined) {
    if (value === undefined) return undefined;
    throw new KraudError('invalid', `this request takes no ${what}`);
  }
  const given = value ?? {};
  check(what, schema, given);
  return given;
}
