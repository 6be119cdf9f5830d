import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { GuestSession } from './session.ts';

test('a session that is closed as it begins, on a socket that held data, ends quietly', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.write('left over from before');
  });
  const path = `\0kraud-session-test-${process.pid}`;
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const socket = connect(path);
  await once(socket, 'readable');
  assert.ok(socket.readableLength > 0);
  const session = new GuestSession(socket);
  session.close();
  await assert.rejects(session.open({ method: 'GET', path: '/' }), { code: 'unavailable' });
  await session.closed;
  await nextTurn();
  server.close();
});
