import type { EtcdOptions, EtcdStore } from './etcd-store.ts';

/** A store that several processes share. Fails if no member of the cluster can be reached. */
export async function openEtcdStore(options: EtcdOptions): Promise<EtcdStore> {
  // Loaded when it is asked for: one machine on its own needs none of it.
  const { EtcdStore } = await import('./etcd-store.ts');
  return EtcdStore.open(options);
}
