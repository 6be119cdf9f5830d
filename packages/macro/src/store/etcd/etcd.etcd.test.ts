import { after, before } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { storeSuite } from '../suite/index.ts';
import { TestEtcd } from './testing/test-etcd.ts';

let etcd: TestEtcd;
before(async () => {
  etcd = await TestEtcd.start();
});
after(() => etcd?.[Symbol.asyncDispose]());

storeSuite('etcd', async () => {
  // Real time passes here: a lease gets enough of it for a machine that is much slower.
  const store = await etcd.open({ leaseTtlMsMin: 5000 });
  return { store, advance: (ms) => delay(ms), [Symbol.asyncDispose]: () => store.close() };
});
