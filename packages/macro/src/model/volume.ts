import { type Static, Type } from 'typebox';
import { Meta } from './meta.ts';
import type { Pod } from './pod.ts';

/** Data that outlives pods. Labels are in `meta.labels`. */
export const Volume = Type.Object({
  kind: Type.Literal('Volume'),
  meta: Meta,
  spec: Type.Object({
    driver: Type.String(),
    options: Type.Record(Type.String(), Type.String()),
    sizeBytes: Type.Integer({ minimum: 1 }),
    anonymous: Type.Boolean(),
  }),
  status: Type.Object({ host: Type.Optional(Type.String()) }),
  given: Type.Record(Type.String(), Type.Unknown()),
});
export type Volume = Static<typeof Volume>;

/** Whether a container of the pod mounts the volume of this name. */
export function mountsVolume(pod: Pod, name: string): boolean {
  return pod.spec.containers.some(({ mounts }) =>
    mounts.some((mount) => 'volume' in mount && mount.volume === name),
  );
}
