import { type Clock, KraudError } from '@kraud/base';
import { parseKey, prefixOf } from '../model/keys.ts';
import { type Store, storeLimits } from '../store/contract.ts';
import { timeOfName } from './event-log.ts';

const pageEvents = 200;

export const retentionDefaults = {
  eventsMaxPerTenant: 5000,
  eventAgeMaxMs: 7 * 24 * 3600 * 1000,
};

/** Deletes what is too old or too much of the events. Safe to repeat, and to stop anywhere. Answers how many went. */
export async function trimEvents(
  store: Store,
  clock: Clock,
  limits: typeof retentionDefaults = retentionDefaults,
): Promise<number> {
  const oldestMs = clock.now() - limits.eventAgeMaxMs;
  const doomed: string[] = [];
  for (const keys of (await keysByTenant(store)).values()) {
    const surplus = keys.length - limits.eventsMaxPerTenant;
    doomed.push(...keys.filter((key, place) => place < surplus || timeOfName(nameOf(key)) < oldestMs));
  }
  for (let at = 0; at < doomed.length; at += storeLimits.txnOpsMax) {
    const keys = doomed.slice(at, at + storeLimits.txnOpsMax);
    await store.txn({ success: keys.map((key) => ({ op: 'delete', key })) });
  }
  return doomed.length;
}

async function keysByTenant(store: Store): Promise<Map<string, string[]>> {
  const byTenant = new Map<string, string[]>();
  for (let after: string | undefined = ''; after !== undefined; ) {
    const page = await store.list(prefixOf('Event'), {
      limit: pageEvents,
      ...(after === '' ? {} : { after }),
    });
    // An embedded store answers without a pause, and others want a turn.
    await new Promise((resolve) => setImmediate(resolve));
    for (const { key } of page.entries) {
      const tenant = parseKey(key)?.tenant ?? '';
      const keys = byTenant.get(tenant) ?? [];
      keys.push(key);
      byTenant.set(tenant, keys);
    }
    after = page.more ? page.entries.at(-1)?.key : undefined;
  }
  return byTenant;
}

function nameOf(key: string): string {
  const name = parseKey(key)?.name;
  if (name === undefined) throw new KraudError('corrupt', `not the key of an event: ${key}`);
  return name;
}
