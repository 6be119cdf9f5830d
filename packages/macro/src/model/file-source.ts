import { type Static, Type } from 'typebox';
import { Meta } from './meta.ts';

/** Bytes that pods read as files; base64. Never in events, logs or what a facade lists. */
export const Secret = Type.Object({
  kind: Type.Literal('Secret'),
  meta: Meta,
  spec: Type.Object({ data: Type.String(), templated: Type.Boolean() }),
  status: Type.Object({
    /** When its labels last changed. */
    updatedAt: Type.Optional(Type.String()),
  }),
  given: Type.Record(Type.String(), Type.Unknown()),
});
export type Secret = Static<typeof Secret>;

/** The same for what may be shown. */
export const Config = Type.Object({
  kind: Type.Literal('Config'),
  meta: Meta,
  spec: Type.Object({ data: Type.String(), templated: Type.Boolean() }),
  status: Type.Object({
    /** When its labels last changed. */
    updatedAt: Type.Optional(Type.String()),
  }),
  given: Type.Record(Type.String(), Type.Unknown()),
});
export type Config = Static<typeof Config>;
