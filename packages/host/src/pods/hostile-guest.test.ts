import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KraudError } from '@kraud/base';
import type { Pod } from '@kraud/macro';
import { type FakePrograms, HostWorld } from '@kraud/testkit';

const programs: FakePrograms = { sleep: ({ killed }) => killed };
const limits = { guestAnswerTimeoutMs: 50, killGraceMs: 50 };

const running = (pod: Pod | undefined): boolean => pod?.status.phase === 'running';
const exited = (pod: Pod | undefined): boolean => pod?.status.phase === 'exited';

/** A pod that runs; from then on its guest answers nothing. */
async function hung(world: HostWorld): Promise<string> {
  await world.boot();
  const { meta } = await world.create('a', ['sleep']);
  await world.start('a');
  await world.until('a', running);
  world.cradle.machine(meta.uid).hung = true;
  return meta.uid;
}

test('a guest that answers nothing ends when it is stopped', async () => {
  await using world = new HostWorld({ programs, limits });
  await hung(world);
  await world.want('a', 'stopped', 0, { timeoutMs: 20 });
  const pod = await world.until('a', exited);
  assert.equal(pod?.status.containers[0]?.exitCode, 137);
  assert.deepEqual(world.cradle.running, []);
});

test('a guest that answers no pause can still be removed', async () => {
  await using world = new HostWorld({ programs, limits });
  await hung(world);
  await world.want('a', 'paused');
  await new Promise((resolve) => setTimeout(resolve, 10));
  await world.remove('a');
  await world.until('a', (pod) => pod === undefined);
  assert.deepEqual(world.cradle.running, []);
});

test('SIGKILL ends a guest that answers nothing, and other signals say so', async () => {
  await using world = new HostWorld({ programs, limits });
  const uid = await hung(world);
  await assert.rejects(world.agent.kill(uid, 'main', 15), { code: 'timeout' });
  await world.agent.kill(uid, 'main', 9);
  await world.until('a', exited);
});

test('a start that a guest never answers ends with its pod', async () => {
  await using world = new HostWorld({ programs, limits });
  await world.boot();
  world.cradle.hangs = true;
  const { meta } = await world.create('a', ['sleep']);
  await world.start('a');
  while (!world.cradle.running.includes(meta.uid)) await new Promise((resolve) => setTimeout(resolve, 5));
  await world.remove('a');
  await world.until('a', (pod) => pod === undefined);
  assert.deepEqual(world.cradle.running, []);
});

test('a guest that breaks the protocol loses its VM, and the pod says why', async () => {
  await using world = new HostWorld({ programs, limits });
  await world.boot();
  const { meta } = await world.create('a', ['sleep']);
  await world.start('a');
  await world.until('a', running);
  world.cradle.machine(meta.uid).container('main').fail(new KraudError('corrupt', 'not a frame: 00'));
  const pod = await world.until('a', exited);
  assert.equal(pod?.status.containers[0]?.exitCode, 255);
  assert.equal(pod?.status.message, 'its guest broke the protocol: not a frame: 00');
  assert.deepEqual(world.cradle.running, []);
});
