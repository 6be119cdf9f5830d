import { type Static, Type } from 'typebox';
import { Meta } from './meta.ts';

/** An IPv4 network inside its tenant's VPC. */
export const Network = Type.Object({
  kind: Type.Literal('Network'),
  meta: Meta,
  spec: Type.Object({
    driver: Type.Union([Type.Literal('vpc'), Type.Literal('none')]),
    subnet: Type.Optional(Type.String()),
    gateway: Type.Optional(Type.String()),
    internal: Type.Boolean(),
    options: Type.Record(Type.String(), Type.String()),
  }),
  status: Type.Object({
    /** Address by pod uid. */
    allocations: Type.Record(Type.String(), Type.String()),
  }),
  given: Type.Record(Type.String(), Type.Unknown()),
});
export type Network = Static<typeof Network>;
