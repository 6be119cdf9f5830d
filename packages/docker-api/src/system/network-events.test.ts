import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '@kraud/cloud';
import { buildNetwork } from '../testing/builders.ts';
import { NetworkEvents } from './network-events.ts';

const event = (action: string, actor: string, attributes: Record<string, string>): Event =>
  ({ spec: { type: 'network', action, actor, attributes, timeNano: '0' } }) as unknown as Event;
const idOf = async (
  events: NetworkEvents,
  action: string,
  actor: string,
  list: ReturnType<typeof buildNetwork>[],
) => {
  const attributes = { name: action === 'create' ? 'front' : actor, type: 'bridge' };
  const { spec } = await events.shown(event(action, actor, attributes), async () => list);
  return [spec.actor, spec.attributes.name, spec.attributes.type];
};

test('a network is told of by its id, also when it is gone or another has its name', async () => {
  const network = buildNetwork('front', 'vpc', 'a1');
  const { uid } = network.meta;
  const events = new NetworkEvents();
  assert.deepEqual(await idOf(events, 'connect', 'front', [network]), [uid, 'front', 'bridge']);
  await idOf(events, 'create', 'b1', []);
  assert.deepEqual(await idOf(events, 'connect', 'front', [network]), ['b1', 'front', 'bridge']);
  assert.deepEqual(await idOf(events, 'disconnect', 'front', []), ['b1', 'front', 'bridge']);
  await idOf(events, 'create', uid, [network]);
  assert.deepEqual(await idOf(events, 'connect', 'front', [network]), [uid, 'front', 'bridge']);
  assert.deepEqual(await idOf(events, 'connect', 'back', []), ['back', 'back', 'bridge']);
});
