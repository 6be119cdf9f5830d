import { type Static, Type } from 'typebox';
import { Meta } from './meta.ts';

/** An image that a tenant has: one resource per image id (`meta.name` is the id, `sha256:…`). */
export const Image = Type.Object({
  kind: Type.Literal('Image'),
  meta: Meta,
  spec: Type.Object({
    id: Type.String({ pattern: '^sha256:[0-9a-f]{64}$' }),
    /** Full references with a tag: `docker.io/library/app:1`. A tag belongs to one image at a time. */
    tags: Type.Array(Type.String()),
    /** Full references with a digest: `docker.io/library/app@sha256:…`. */
    digests: Type.Array(Type.String()),
  }),
  status: Type.Object({
    sizeBytes: Type.Integer({ minimum: 0 }),
    lastTaggedAt: Type.Optional(Type.String()),
  }),
  given: Type.Record(Type.String(), Type.Unknown()),
});
export type Image = Static<typeof Image>;
