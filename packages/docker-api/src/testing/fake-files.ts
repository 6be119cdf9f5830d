import { compactId, KraudError, newId } from '@kraud/base';
import type { Config, FileDraft, Files, Secret } from '@kraud/cloud';
import { createdAt } from './builders.ts';

/** Secrets or configs in memory, without the cloud's checks. */
export function fakeFiles<F extends Secret | Config>(kind: F['kind']): Files<F> {
  const held = new Map<string, F>();
  const find = (ref: string): F => {
    const file = [...held.values()].find(({ meta }) =>
      [meta.name, meta.uid, compactId(meta.uid)].includes(ref),
    );
    if (!file) throw new KraudError('not-found', `${kind.toLowerCase()} ${ref} not found`);
    return file;
  };
  let revision = 0;
  const put = (file: F): F => {
    revision += 1;
    const written = { ...file, meta: { ...file.meta, revision } };
    held.set(file.meta.uid, written);
    return written;
  };
  return {
    create: async ({ tenant }, { name, labels, data, templated, given }: FileDraft) => {
      const meta = {
        uid: newId(),
        tenant,
        namespace: 'default',
        name,
        labels,
        annotations: {},
        generation: 1,
        finalizers: [],
        createdAt,
      };
      return put({ kind, meta, spec: { data, templated }, status: {}, given } as unknown as F);
    },
    get: async (_c, ref) => find(ref),
    list: async () => [...held.values()],
    update: async (_c, ref, labels) => {
      const file = find(ref);
      return put({ ...file, meta: { ...file.meta, labels } });
    },
    remove: async (_c, ref) => void held.delete(find(ref).meta.uid),
  };
}
