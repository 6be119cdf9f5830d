import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GuestClient } from '@kraud/cradle';
import { hostGuest } from './adapter.ts';

/** Output that never comes, until it is closed. */
function silentLogs() {
  const closed = Promise.withResolvers<void>();
  return {
    exit: undefined,
    ack: () => {},
    close: () => closed.resolve(),
    async *[Symbol.asyncIterator]() {
      await closed.promise;
      yield* [];
    },
  };
}

for (const when of ['before', 'while', 'after'] as const) {
  test(`output ends that is no longer wanted ${when} the guest was asked for it`, {
    timeout: 5000,
  }, async () => {
    const wanted = new AbortController();
    const asked = Promise.withResolvers<void>();
    const client = { logs: () => asked.promise.then(silentLogs) } as unknown as GuestClient;
    if (when === 'before') wanted.abort();
    const opening = hostGuest(() => client).logs('main', 0, wanted.signal);
    if (when === 'while') wanted.abort();
    asked.resolve();
    const logs = await opening;
    if (when === 'after') wanted.abort();
    for await (const entry of logs) assert.fail(`${entry.offset}`);
  });
}
