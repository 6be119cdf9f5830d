import { type Static, Type } from 'typebox';
import { Meta } from './meta.ts';

/** A machine that runs pods. Capacity is measured by its host agent, not configured. */
export const Host = Type.Object({
  kind: Type.Literal('Host'),
  meta: Meta,
  spec: Type.Object({ cordoned: Type.Boolean() }),
  status: Type.Object({
    ready: Type.Boolean(),
    cpus: Type.Integer({ minimum: 1 }),
    memoryBytes: Type.Integer({ minimum: 0 }),
    architecture: Type.String(),
    kernel: Type.String(),
    operatingSystem: Type.String(),
    accelerator: Type.Object({
      kind: Type.Union([Type.Literal('kvm'), Type.Literal('tcg')]),
      reason: Type.String(),
    }),
    heartbeatAt: Type.String(),
  }),
  given: Type.Record(Type.String(), Type.Unknown()),
});
export type Host = Static<typeof Host>;
