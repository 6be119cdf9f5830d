import { type Static, Type } from 'typebox';
import { Meta } from './meta.ts';

/** Something that happened to an object, in Docker's vocabulary of types and actions. Never changes once written. */
export const Event = Type.Object({
  kind: Type.Literal('Event'),
  meta: Meta,
  spec: Type.Object({
    type: Type.String(),
    action: Type.String(),
    /** Id of the object it happened to (a container's id, an image's id, a volume's name …). */
    actor: Type.String(),
    attributes: Type.Record(Type.String(), Type.String()),
    /** Nanoseconds since 1970, decimal. */
    timeNano: Type.String({ pattern: '^[0-9]+$' }),
  }),
  status: Type.Object({}),
  given: Type.Record(Type.String(), Type.Unknown()),
});
export type Event = Static<typeof Event>;
