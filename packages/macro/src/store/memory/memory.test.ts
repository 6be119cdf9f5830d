import { FakeClock } from '@kraud/base';
import { storeSuite } from '../suite/index.ts';
import { openMemoryStore } from './open.ts';

storeSuite('memory', async () => {
  const clock = new FakeClock();
  const store = openMemoryStore({ clock });
  return {
    store,
    advance: (ms) => clock.advance(ms),
    [Symbol.asyncDispose]: () => store.close(),
  };
});
