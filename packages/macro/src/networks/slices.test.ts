import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Network } from '../model/index.ts';
import { slicesOf, withSlice } from './slices.ts';

const network = (spec: Partial<Network['spec']>): Network =>
  ({ spec: { subnet: '10.1.0.0/16', ...spec }, status: {} }) as Network;
const never = (): boolean => false;

test('slices make up the whole', () => {
  assert.equal(slicesOf('10.1.0.0/16').length, 64);
  assert.deepEqual(slicesOf('10.1.0.0/16').slice(0, 2), ['10.1.0.0/22', '10.1.4.0/22']);
  assert.equal(slicesOf('10.1.0.0/24').at(-1), '10.1.0.240/28');
  assert.deepEqual(slicesOf('10.1.0.0/29'), ['10.1.0.0/29']);
});

test('each host has slices of its own, until none is left', () => {
  let now: Network | undefined = network({ range: '10.1.8.0/27' });
  now = withSlice(now, 'a', never);
  assert.ok(now);
  now = withSlice(now, 'b', never);
  assert.deepEqual(now?.status.slices, { a: ['10.1.8.0/28'], b: ['10.1.8.16/28'] });
  assert.ok(now);
  assert.equal(withSlice(now, 'a', never), undefined);
  const after = withSlice(now, 'a', (host) => host === 'b');
  assert.deepEqual(after?.status.slices, { a: ['10.1.8.0/28', '10.1.8.16/28'] });
});
