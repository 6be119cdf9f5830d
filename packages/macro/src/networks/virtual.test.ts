import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Network } from '../model/index.ts';
import { endsOf, numberOf, textOf } from './ipv4.ts';
import { slicesOf, withSlice } from './slices.ts';
import { withVirtual } from './virtual.ts';

const network = (spec: Partial<Network['spec']>): Network =>
  ({ spec: { driver: 'vpc', subnet: '10.1.0.0/16', gateway: '10.1.0.1', ...spec }, status: {} }) as Network;
const nobody = new Set<string>();
const addressesOf = ({ status }: Network): Record<string, string> => status.virtual?.addresses ?? {};

test('each has an address in a slice that no host has, keeps it, and gives it back', () => {
  let now = withVirtual(network({}), ['a', 'b'], nobody).network;
  assert.deepEqual(now.status.virtual, {
    slices: ['10.1.252.0/22'],
    addresses: { a: '10.1.252.0', b: '10.1.252.1' },
  });
  for (let host = 0; host < 63; host += 1) {
    const claimed = withSlice(now, `h${host}`, () => false);
    assert.ok(claimed);
    now = claimed;
  }
  assert.equal(
    withSlice(now, 'more', () => false),
    undefined,
  );
  now = withVirtual(now, ['b', 'c'], nobody).network;
  assert.deepEqual(addressesOf(now), { b: '10.1.252.1', c: '10.1.252.0' });
  now = withVirtual(now, [], nobody).network;
  assert.equal(now.status.virtual, undefined);
  assert.ok(withSlice(now, 'more', () => false));
});

test('a small network gives its highest free ones, and says when there is none', () => {
  const small = network({ subnet: '10.2.0.0/29', gateway: '10.2.0.1', reserved: { router: '10.2.0.6' } });
  const { network: now, left } = withVirtual(small, ['a', 'b', 'c', 'd'], new Set(['10.2.0.4']));
  assert.deepEqual(addressesOf(now), { a: '10.2.0.5', b: '10.2.0.3', c: '10.2.0.2' });
  assert.deepEqual(left, ['d']);
  assert.deepEqual(now.status.virtual?.slices, []);
});

test('addresses are of the range, where there is one', () => {
  const { network: now } = withVirtual(network({ range: '10.1.8.0/24' }), ['a'], nobody);
  assert.deepEqual(addressesOf(now), { a: '10.1.8.240' });
});

test('no address is given twice, to a host, or that anything has', () => {
  const step = fc.oneof(
    fc.record({ claim: fc.constantFrom('h1', 'h2', 'h3') }),
    fc.record({ want: fc.uniqueArray(fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz')) }),
    fc.record({ pod: fc.nat({ max: 255 }) }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 24, max: 30 }), fc.array(step, { maxLength: 60 }), (prefix, steps) => {
      let now = network({ subnet: `10.9.0.0/${prefix}`, reserved: { other: '10.9.0.2' } });
      now.spec.gateway = '10.9.0.1';
      const { first, last } = endsOf(`10.9.0.0/${prefix}`);
      const pods = new Set<string>();
      for (const each of steps) {
        const before = addressesOf(now);
        if ('claim' in each) now = withSlice(now, each.claim, () => false) ?? now;
        else if ('pod' in each) {
          // As its host would: not what is virtual.
          const address = textOf(first + each.pod);
          if (first + each.pod < last && !Object.values(before).includes(address)) pods.add(address);
        } else {
          const { network: after, left } = withVirtual(now, each.want, pods);
          now = after;
          const given = addressesOf(now);
          assert.deepEqual([...Object.keys(given), ...left].sort(), [...each.want].sort());
          for (const uid of each.want) if (before[uid]) assert.equal(given[uid], before[uid]);
          for (const [uid, address] of Object.entries(given)) {
            if (!before[uid]) assert.ok(!pods.has(address), `${address} is a pod's`);
          }
        }
        const given = Object.values(addressesOf(now)).map(numberOf);
        assert.equal(new Set(given).size, given.length);
        for (const address of given) {
          assert.ok(address > first && address < last);
          assert.ok(!['10.9.0.1', '10.9.0.2'].includes(textOf(address)));
        }
        const { virtual, slices = {} } = now.status;
        const own = new Set(virtual?.slices);
        const hosts = Object.values(slices).flat();
        for (const slice of hosts) assert.ok(!own.has(slice));
        const sparesSome = slicesOf(now.spec.subnet ?? '').length >= 8;
        if (!sparesSome || own.size + hosts.length === slicesOf(now.spec.subnet ?? '').length) continue;
        for (const address of given) {
          assert.ok([...own].map(endsOf).some((ends) => ends.first <= address && address <= ends.last));
        }
      }
    }),
  );
});
