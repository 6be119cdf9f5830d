import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Pace } from './pace.ts';

test('so many go on in each turn of the event loop, in their order', async () => {
  const pace = new Pace(2);
  const gone: number[] = [];
  for (const one of [0, 1, 2, 3, 4]) void pace.next().then(() => gone.push(one));
  assert.equal(gone.length, 0);
  await turn();
  assert.deepEqual(gone, [0, 1]);
  await turn();
  assert.deepEqual(gone, [0, 1, 2, 3]);
  void pace.next().then(() => gone.push(5));
  await turn();
  assert.deepEqual(gone, [0, 1, 2, 3, 4, 5]);
  await turn();
  void pace.next().then(() => gone.push(6));
  await turn();
  assert.equal(gone.at(-1), 6);
});
