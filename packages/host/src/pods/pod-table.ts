import { codeOf } from '@kraud/base';
import type { Pod, ResourceKey, Table } from '@kraud/macro';
import type { PodTable } from '../parts.ts';

/** The pods of one host in macro's table of all. */
export function podTableOf(table: Table<'Pod'>, host: string): PodTable {
  const mine = (pod: Pod | undefined): Pod | undefined => (pod?.spec.host === host ? pod : undefined);
  return {
    list: () => table.cache.by('host', host),
    byUid: (uid) => mine(table.cache.byUid(uid)),
    subscribe: (listener) =>
      table.cache.subscribe((changes) => {
        for (const { before, after } of changes) {
          const pod = mine(after) ?? mine(before);
          if (pod) listener(pod.meta.uid, mine(after));
        }
      }),
    mutate: (key: ResourceKey, change) => table.mutate(key, change),
  };
}

/** Changes this very pod, whatever it is called by now. One that is gone needs no change. */
export async function changePod(
  pods: PodTable,
  uid: string,
  change: (pod: Pod) => Pod | undefined,
): Promise<void> {
  for (;;) {
    const present = pods.byUid(uid);
    if (!present) return;
    try {
      await pods.mutate(present.meta, (pod) => (pod.meta.uid === uid ? change(pod) : undefined));
      return;
    } catch (error) {
      if (codeOf(error) !== 'not-found') throw error;
    }
  }
}
