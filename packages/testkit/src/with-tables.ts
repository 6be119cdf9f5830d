import { FakeClock, silentLogger } from '@kraud/base';
import { openMemoryStore, type Store, Tables } from '@kraud/macro';

/** Filled tables over a store, one in memory unless another is given, for as long as `use` takes. */
export async function withTables(
  use: (tables: Tables) => Promise<void>,
  store: Store = openMemoryStore({ clock: new FakeClock() }),
): Promise<void> {
  const tables = new Tables({ store, clock: new FakeClock(), logger: silentLogger });
  const stop = new AbortController();
  const running = tables.run(stop.signal);
  await tables.ready();
  try {
    await use(tables);
  } finally {
    stop.abort();
    await running;
  }
}
