import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { must, systemClock } from '@kraud/base';
import { markProcess } from '../process.ts';
import { connectAgent } from './guest.ts';

/** An agent that hears of the n-th connection and of none before. */
async function agent(t: TestContext, n: number) {
  const dir = mkdtempSync(join(tmpdir(), 'kraud-agent-'));
  mkdirSync(join(dir, 'run'));
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    if (sockets.length >= n) socket.once('data', (preface) => socket.write(preface));
  });
  await new Promise<void>((resolve) => server.listen(join(dir, 'run/agent.sock'), resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(dir, { recursive: true });
  });
  const mark = must(await markProcess(process.pid), 'this process lives');
  return { vmm: { identity: { name: 'a', dir, mark } }, sockets };
}

test('a guest that has not heard of a connection gets another one', async (t) => {
  const { vmm, sockets } = await agent(t, 3);
  const guest = await connectAgent(vmm, { clock: systemClock, timeoutMs: 20_000, silenceMs: 20 });
  assert.equal(sockets.length, 3);
  guest.close();
});

test('one that stays silent is given up when its time is over', async (t) => {
  const { vmm, sockets } = await agent(t, Number.POSITIVE_INFINITY);
  const asked = connectAgent(vmm, { clock: systemClock, timeoutMs: 200, silenceMs: 20 });
  await assert.rejects(asked, { code: 'timeout', message: 'the guest agent did not answer within 200 ms' });
  assert.ok(sockets.length > 1);
});
