import { type Static, Type } from 'typebox';
import { Meta } from './meta.ts';

export const Tenant = Type.Object({
  kind: Type.Literal('Tenant'),
  meta: Meta,
  spec: Type.Object({
    /** Owns the local socket: may share host paths with its pods. */
    local: Type.Boolean(),
  }),
  status: Type.Object({}),
  given: Type.Record(Type.String(), Type.Unknown()),
});
export type Tenant = Static<typeof Tenant>;

export const Namespace = Type.Object({
  kind: Type.Literal('Namespace'),
  meta: Meta,
  spec: Type.Object({}),
  status: Type.Object({}),
  given: Type.Record(Type.String(), Type.Unknown()),
});
export type Namespace = Static<typeof Namespace>;
