import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Network } from '@kraud/macro';
import { networksOf } from './of-pod.ts';

const network = (name: string, uid: string): Network => ({
  kind: 'Network',
  meta: {
    ...{ uid, tenant: 'default', namespace: 'default', name, labels: {}, annotations: {} },
    ...{ generation: 1, finalizers: [], createdAt: '' },
  },
  spec: { driver: name === 'none' ? 'none' : 'vpc', internal: false, options: {}, subnet: '10.1.0.0/24' },
  status: {},
  given: {},
});

const there = [network('front', 'aa11'), network('none', 'bb22')];
const parts = {
  networks: { list: () => there },
  pods: { byUid: () => undefined, get: () => undefined, list: () => [] },
} as unknown as Parameters<typeof networksOf>[0];
const caller = { tenant: 'default', local: true };

test('networks of a draft: by name, by the beginning of an id, and by the name of one that is still to come', () => {
  const on = (ref: string, more: object = {}) =>
    networksOf(parts, caller, [{ ref, aliases: [], ...more }], { mayCome: true });
  assert.deepEqual(on('aa'), [{ name: 'front', aliases: [] }]);
  const links = [{ ref: '/db', alias: 'store' }];
  assert.deepEqual(on('later', { aliases: ['a', 'a'], ipv4: '10.9.0.1', links }), [
    { name: 'later', aliases: ['a'], ipv4: '10.9.0.1', links: [{ alias: 'store', to: 'db' }] },
  ]);
  assert.throws(() => on('no name'), { code: 'invalid', message: 'network no name not found' });
  assert.throws(() => on('later', { aliases: ['-'] }), { code: 'invalid', message: /invalid network alias/ });
  assert.throws(() => on('front', { ipv4: '10.9.0.1' }), {
    code: 'invalid',
    message: /no configured subnet/,
  });
  assert.throws(() => networksOf(parts, caller, [{ ref: 'later', aliases: [] }]), {
    code: 'invalid',
    message: 'network later not found',
  });
});
