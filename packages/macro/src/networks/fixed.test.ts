import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Network } from '../model/index.ts';
import { sampleMeta } from '../model/samples.ts';
import { withAnswer, withFixed, withoutFixed } from './fixed.ts';
import { withVirtual } from './virtual.ts';

const network = (status: Network['status'] = {}): Network => ({
  kind: 'Network',
  meta: sampleMeta('Network', 'plan'),
  spec: { driver: 'vpc', subnet: '10.1.0.0/24', gateway: '10.1.0.1', internal: false, options: {} },
  status: { slices: { a: ['10.1.0.0/28'], b: ['10.1.0.16/28'] }, ...status },
  given: {},
});
const all = () => true;
const claim = (address: string, pod = 'p', host = 'a') => ({ address, pod, host });

test('an address out of another host’s block needs that host’s word; any other is had at once', () => {
  const agreed = (address: string, isThere = all) =>
    withFixed(network(), claim(address), isThere)?.status.fixed?.[address]?.agreed;
  assert.deepEqual(
    ['10.1.0.5', '10.1.0.17', '10.1.0.200'].map((address) => agreed(address)),
    [true, false, true],
  );
  assert.equal(
    agreed('10.1.0.17', () => false),
    true,
  );
  const asked = withFixed(network(), claim('10.1.0.17'), all) ?? assert.fail();
  assert.equal(withAnswer(asked, claim('10.1.0.17'), true)?.status.fixed?.['10.1.0.17']?.agreed, true);
  assert.equal(withAnswer(asked, claim('10.1.0.17'), false)?.status.fixed, undefined);
  assert.equal(withAnswer(asked, claim('10.1.0.17', 'other'), false), undefined);
});

test('who has one keeps it while its host is there, and only its own claim is taken back', () => {
  const held = withFixed(network(), claim('10.1.0.5'), all) ?? assert.fail();
  assert.equal(withFixed(held, claim('10.1.0.5', 'q', 'b'), all), undefined);
  assert.equal(
    withFixed(held, claim('10.1.0.5', 'q', 'b'), (host) => host === 'b')?.status.fixed?.['10.1.0.5']?.pod,
    'q',
  );
  assert.equal(withFixed(held, claim('10.1.0.5', 'p', 'b'), all)?.status.fixed?.['10.1.0.5']?.host, 'b');
  assert.equal(withoutFixed(held, [claim('10.1.0.5', 'p', 'b')]), undefined);
  assert.equal(withoutFixed(held, [claim('10.1.0.5')])?.status.fixed, undefined);
});

test('a workload’s address is no pod’s, and the other way round', () => {
  const { network: served } = withVirtual(network(), ['w'], new Set());
  assert.deepEqual(served.status.virtual?.addresses, { w: '10.1.0.240' });
  assert.equal(withFixed(served, claim('10.1.0.240'), all), undefined);
  const held = withFixed(network(), claim('10.1.0.240'), all) ?? assert.fail();
  assert.deepEqual(withVirtual(held, ['w'], new Set()).network.status.virtual?.addresses, {
    w: '10.1.0.241',
  });
});
