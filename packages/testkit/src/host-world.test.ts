import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { HostWorld } from './host-world.ts';

test('a world that has ended begins no agent, which would leave files', async () => {
  const world = new HostWorld();
  await world.boot();
  await world.create('a', ['sleep']);
  assert.ok(!world.ended);
  await world[Symbol.asyncDispose]();
  assert.ok(world.ended);
  await assert.rejects(world.boot(), /has ended/);
  assert.ok(!existsSync(world.dataDir));
});
