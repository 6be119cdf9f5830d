import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { QmpClient, type QmpEvent } from './client.ts';

const greeting = '{"QMP": {"version": {}, "capabilities": []}}\r\n';

/** A peer that answers each command by the script; what the script leaves out is never answered. */
async function withPeer(
  script: (command: string, id: number, peer: Socket) => string | undefined,
  body: (socket: Socket) => Promise<void>,
  first = greeting,
): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'qmp-'));
  const server = createServer((peer) => {
    peer.on('error', () => {});
    peer.write(first);
    peer.on('data', (data) => {
      for (const line of data.toString().trim().split('\n')) {
        const { execute, id } = JSON.parse(line) as { execute: string; id: number };
        const answer = script(execute, id, peer);
        if (answer !== undefined) peer.write(`${answer}\r\n`);
      }
    });
  });
  server.listen(join(dir, 's'));
  await once(server, 'listening');
  const socket = connect(join(dir, 's'));
  try {
    await body(socket);
  } finally {
    socket.destroy();
    server.close();
    await rm(dir, { recursive: true });
  }
}

const ok = (id: number): string => JSON.stringify({ return: {}, id });

test('commands are answered in order, and events come through', async () => {
  const events: QmpEvent[] = [];
  await withPeer(
    (command, id) =>
      command === 'stop'
        ? `{"event":"STOP","timestamp":{}}\r\n${JSON.stringify({ return: { n: 1 }, id })}`
        : ok(id),
    async (socket) => {
      const qmp = await QmpClient.open(socket, (event) => events.push(event));
      const answers = await Promise.all([qmp.execute('stop'), qmp.execute('cont')]);
      assert.deepEqual(answers, [{ n: 1 }, {}]);
      assert.deepEqual(events, [{ event: 'STOP', data: {} }]);
    },
  );
});

test('a refusal carries the words of the VMM', async () => {
  await withPeer(
    (command, id) =>
      command === 'bad' ? JSON.stringify({ error: { class: 'X', desc: 'no such node' }, id }) : ok(id),
    async (socket) => {
      const qmp = await QmpClient.open(socket, () => {});
      await assert.rejects(qmp.execute('bad'), { code: 'invalid', message: 'bad: no such node' });
      assert.deepEqual(await qmp.execute('good'), {});
    },
  );
});

test('commands that wait when the peer goes are rejected, and later ones too', async () => {
  await withPeer(
    (command, id, peer) => {
      if (command !== 'quit') return ok(id);
      peer.destroy();
      return undefined;
    },
    async (socket) => {
      const qmp = await QmpClient.open(socket, () => {});
      await assert.rejects(qmp.execute('quit'), { code: 'unavailable' });
      await qmp.closed;
      await assert.rejects(qmp.execute('stop'), { code: 'unavailable' });
    },
  );
});

for (const [what, bytes] of [
  ['text', 'SSH-2.0-OpenSSH\r\n'],
  ['an answer to nothing', '{"return":{},"id":77}\r\n'],
  ['a number', '7\r\n'],
  ['an endless line', 'x'.repeat(2 * 1024 * 1024)],
] as const) {
  test(`a peer that sends ${what} is dropped`, async () => {
    await withPeer(
      () => undefined,
      async (socket) => {
        await assert.rejects(
          QmpClient.open(socket, () => {}),
          { code: 'unavailable' },
        );
      },
      bytes,
    );
  });
}
