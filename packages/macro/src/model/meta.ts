import { type Static, Type } from 'typebox';

/** What every resource carries. `revision` is the store's, never stored in the value itself. */
export const Meta = Type.Object({
  uid: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  tenant: Type.String({ minLength: 1, maxLength: 63 }),
  namespace: Type.String({ minLength: 1, maxLength: 63 }),
  name: Type.String({ minLength: 1, maxLength: 255 }),
  labels: Type.Record(Type.String(), Type.String()),
  annotations: Type.Record(Type.String(), Type.String()),
  /** Counts changes of `spec`, from 1. */
  generation: Type.Integer({ minimum: 1 }),
  /** The store's revision that last changed it; set on everything read, ignored on what is written. */
  revision: Type.Optional(Type.Integer({ minimum: 1 })),
  owner: Type.Optional(Type.Object({ kind: Type.String(), uid: Type.String(), name: Type.String() })),
  /** Who must clean up before the resource may go. */
  finalizers: Type.Array(Type.String()),
  /** Nanoseconds since 1970 are shown to users; we keep ISO 8601 with as many digits as were known. */
  createdAt: Type.String(),
  /** Set once deletion is asked for; the resource goes when no finalizer is left. */
  deletedAt: Type.Optional(Type.String()),
});
export type Meta = Static<typeof Meta>;

/** Names a resource inside its kind. */
export interface ResourceKey {
  readonly tenant: string;
  readonly namespace: string;
  readonly name: string;
}

/** Where everything of a single-tenant machine lives. */
export const defaultTenant = 'default';
export const defaultNamespace = 'default';
