import type { Caller, Cloud } from '@kraud/cloud';
import type { Static, TObject, TSchema } from 'typebox';

/** One request, checked: `query` and `body` are what the operation's schemas say. */
export interface Call<Query, Body> {
  readonly caller: Caller;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: Body;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
}

/** One route. What `run` answers is the reply's JSON; `undefined` is a reply without a body. */
export interface Operation<Query = unknown, Body = unknown> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below `/kraud/v1`, with `:names` for what `params` holds. */
  readonly path: string;
  /** All values of a query are strings. Without a schema a query is refused. */
  readonly query?: TObject;
  /** Without a schema a body is refused. */
  readonly body?: TSchema;
  run(cloud: Cloud, call: Call<Query, Body>): Promise<unknown>;
}

type Typed<S extends TSchema | undefined> = S extends TSchema ? Static<S> : undefined;

/** Writes an operation down with the types of its own schemas. */
export function operation<
  Q extends TObject | undefined = undefined,
  B extends TSchema | undefined = undefined,
>(parts: {
  method: Operation['method'];
  path: string;
  query?: Q;
  body?: B;
  run(cloud: Cloud, call: Call<Typed<Q>, Typed<B>>): Promise<unknown>;
}): Operation {
  return parts as Operation;
}
