import type { Store } from '@kraud/macro';

/** What is measured, of a store or of its peer. */
export interface Engine {
  readonly name: string;
  put(key: string, value: string): Promise<void>;
  get(key: string): Promise<void>;
  /** Calls `seen` for each watcher and event of `key`. Resolves once all watch; answers what ends them. */
  watch(key: string, watchers: number, seen: () => void): Promise<() => void>;
  close(): Promise<void>;
}

export function storeEngine(name: string, store: Store): Engine {
  return {
    name,
    put: async (key, value) => {
      await store.txn({ success: [{ op: 'put', key, value }] });
    },
    get: async (key) => {
      await store.get(key);
    },
    watch: async (key, watchers, seen) => {
      const stop = new AbortController();
      const fromRevision = (await store.revision()) + 1;
      const watch = async (): Promise<void> => {
        for await (const { events } of store.watch(key, { fromRevision, signal: stop.signal })) {
          for (const _ of events) seen();
        }
      };
      for (let i = 0; i < watchers; i += 1) {
        watch().catch((error: unknown) => console.error(`${name}: a watch ended: ${error}`));
      }
      return () => stop.abort();
    },
    close: () => store.close(),
  };
}
