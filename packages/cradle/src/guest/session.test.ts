import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { GuestSession } from './session.ts';

test('a session that is closed as it begins, on a socket that held data, ends quietly', async () => {
  const [ours, theirs] = duplexPair();
  theirs.write('left over from before');
  ours.read(0);
  await nextTurn();
  assert.ok(ours.readableLength > 0);
  await Promise.resolve();
  const session = new GuestSession(ours);
  session.close();
  await assert.rejects(session.open({ method: 'GET', path: '/' }), { code: 'unavailable' });
  await session.closed;
  await nextTurn();
});
