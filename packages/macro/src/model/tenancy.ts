import { type Static, Type } from 'typebox';
import { Meta } from './meta.ts';
import { Band } from './placement.ts';

/** Most that a tenant's pods of a band may ask for together; what is left out has no limit. */
export const Quota = Type.Object({
  cpus: Type.Optional(Type.Number({ minimum: 0 })),
  memoryBytes: Type.Optional(Type.Integer({ minimum: 0 })),
  pods: Type.Optional(Type.Integer({ minimum: 0 })),
});
export type Quota = Static<typeof Quota>;

export const Tenant = Type.Object({
  kind: Type.Literal('Tenant'),
  meta: Meta,
  spec: Type.Object({
    /** Owns the local socket: may share host paths with its pods. */
    local: Type.Boolean(),
    /** By band; a band that is left out has no limit. */
    quota: Type.Optional(Type.Partial(Type.Record(Band, Quota))),
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
