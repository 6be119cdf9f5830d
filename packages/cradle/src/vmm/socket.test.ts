import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '@kraud/base';
import { connectUnix } from './socket.ts';

test('a connection that breaks before anyone listens to it is no crash', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'kraud-socket-'));
  const server = createServer();
  try {
    server.listen(join(dir, 'socket'));
    await once(server, 'listening');
    const socket = await connectUnix(join(dir, 'socket'), {
      clock: systemClock,
      timeoutMs: 60_000,
      alive: () => Promise.resolve(true),
    });
    assert.doesNotThrow(() => socket.emit('error', new Error('read ECONNRESET')));
    socket.destroy();
  } finally {
    server.close();
    await rm(dir, { recursive: true, force: true });
  }
});
