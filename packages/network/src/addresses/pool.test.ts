import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf } from '@kraud/base';
import fc from 'fast-check';
import { formatIpv4, macOf, parseIpv4, parseMac, Subnet } from './ipv4.ts';
import { AddressPool } from './pool.ts';

const code = (want: string) => (error: unknown) => codeOf(error) === want;

test('addresses and subnets read back as they were written', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer({ min: 0, max: 32 }), (n, prefix) => {
      assert.equal(parseIpv4(formatIpv4(n)), n);
      const first = n - (n % 2 ** (32 - prefix));
      const subnet = Subnet.parse(`${formatIpv4(first)}/${prefix}`);
      assert.equal(subnet.toString(), `${formatIpv4(first)}/${prefix}`);
      assert.ok(subnet.contains(n));
    }),
  );
  assert.equal(macOf(parseIpv4('172.17.0.2')), '02:42:ac:11:00:02');
});

test('bad text is refused', () => {
  for (const text of [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '256.1.1.1',
    '1.2.3.x',
    ' 1.2.3.4',
    '1e1.2.3.4',
  ]) {
    assert.throws(() => parseIpv4(text), code('invalid'), text);
  }
  for (const text of ['10.0.0.0', '10.0.0.1/8', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/8 ']) {
    assert.throws(() => Subnet.parse(text), code('invalid'), text);
  }
  for (const text of ['ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01', '02:42:ac:11:00', '02:42:ac:11:00:0g']) {
    assert.throws(() => parseMac(text), code('invalid'), text);
  }
  assert.equal(parseMac('02-42-AC-11-00-02'), '02:42:ac:11:00:02');
});

test('first comes the lowest address after the gateway', () => {
  const pool = new AddressPool(Subnet.parse('172.17.0.0/16'));
  assert.equal(formatIpv4(pool.allocate('a')), '172.17.0.2');
  assert.equal(formatIpv4(pool.allocate('b')), '172.17.0.3');
  assert.equal(formatIpv4(pool.allocate('a')), '172.17.0.2');
  pool.release('a');
  assert.equal(formatIpv4(pool.allocate('c')), '172.17.0.2');
});

test('the gateway, the ends and foreign addresses are refused', () => {
  const pool = new AddressPool(Subnet.parse('10.0.0.0/29'), parseIpv4('10.0.0.4'));
  for (const text of ['10.0.0.0', '10.0.0.4', '10.0.0.7', '10.0.0.8', '9.9.9.9']) {
    assert.throws(() => pool.allocate('x', parseIpv4(text)), code('invalid'), text);
  }
  assert.throws(() => new AddressPool(Subnet.parse('10.0.0.0/31')), code('invalid'));
  assert.throws(() => new AddressPool(Subnet.parse('10.0.0.0/24'), parseIpv4('10.0.1.1')), code('invalid'));
});

test('restore takes all or nothing', () => {
  const pool = new AddressPool(Subnet.parse('10.0.0.0/24'));
  assert.throws(
    () =>
      pool.restore([
        ['a', parseIpv4('10.0.0.5')],
        ['b', parseIpv4('10.0.0.5')],
      ]),
    code('conflict'),
  );
  assert.equal(pool.size, 0);
  pool.restore([['a', parseIpv4('10.0.0.5')]]);
  assert.equal(pool.allocate('a'), parseIpv4('10.0.0.5'));
});

test('under any sequence of calls every address has one owner, and free ones are found until none is left', () => {
  const call = fc.record({
    owner: fc.integer({ min: 0, max: 9 }).map(String),
    wanted: fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined }),
    release: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(call, { maxLength: 80 }), fc.integer({ min: 1, max: 6 }), (calls, gatewayAt) => {
      const subnet = Subnet.parse('10.9.8.0/29');
      const pool = new AddressPool(subnet, subnet.first + gatewayAt);
      const model = new Map<string, number>();
      for (const { owner, wanted, release } of calls) {
        if (release) {
          pool.release(owner);
          model.delete(owner);
          continue;
        }
        const address = wanted === undefined ? undefined : subnet.first + wanted;
        const taken = new Set(model.values());
        const usable = (a: number) => a > subnet.first && a < subnet.last && a !== pool.gateway;
        const mine = model.get(owner);
        let expected: number | undefined;
        if (mine !== undefined) expected = address === undefined || address === mine ? mine : undefined;
        else if (address !== undefined)
          expected = usable(address) && !taken.has(address) ? address : undefined;
        else {
          for (let a = subnet.first; a <= subnet.last && expected === undefined; a += 1) {
            if (usable(a) && !taken.has(a)) expected = a;
          }
        }
        if (expected === undefined) assert.throws(() => pool.allocate(owner, address));
        else {
          assert.equal(pool.allocate(owner, address), expected);
          model.set(owner, expected);
        }
        assert.equal(pool.size, model.size);
        for (const [o, a] of model) assert.equal(pool.ownerOf(a), o);
      }
    }),
  );
});

test('a full subnet says so', () => {
  const pool = new AddressPool(Subnet.parse('10.0.0.0/30'));
  pool.allocate('a');
  assert.throws(() => pool.allocate('b'), code('exhausted'));
  pool.release('a');
  assert.equal(formatIpv4(pool.allocate('b')), '10.0.0.2');
});

test('addresses are chosen from the ranges that were given, as those change', () => {
  const pool = new AddressPool(Subnet.parse('10.0.0.0/24'));
  pool.giveFrom([Subnet.parse('10.0.0.64/30')]);
  const next = (owner: string): string => formatIpv4(pool.allocate(owner));
  assert.deepEqual(['a', 'b', 'c', 'd'].map(next), ['10.0.0.64', '10.0.0.65', '10.0.0.66', '10.0.0.67']);
  assert.throws(() => pool.allocate('e'), code('exhausted'));
  pool.giveFrom([Subnet.parse('10.0.0.64/30'), Subnet.parse('10.0.0.0/30')]);
  assert.equal(next('e'), '10.0.0.2');
  pool.release('b');
  assert.equal(next('f'), '10.0.0.3');
  assert.equal(next('g'), '10.0.0.65');
  assert.equal(pool.allocate('h', parseIpv4('10.0.0.200')), parseIpv4('10.0.0.200'));
  pool.giveFrom([]);
  assert.equal(next('i'), '10.0.0.4');
});

test('what is reserved is given to nobody, asked for or not', () => {
  const pool = new AddressPool(Subnet.parse('10.0.0.0/29'));
  pool.allocate('early', parseIpv4('10.0.0.5'));
  pool.reserve(['10.0.0.2', '10.0.0.5'].map(parseIpv4));
  assert.throws(() => pool.allocate('a', parseIpv4('10.0.0.2')), code('conflict'));
  assert.equal(formatIpv4(pool.allocate('a')), '10.0.0.3');
  assert.equal(pool.allocate('early'), parseIpv4('10.0.0.5'));
});

test('what is in use elsewhere is not chosen', () => {
  const far = new Set(['10.0.0.2', '10.0.0.3'].map(parseIpv4));
  const pool = new AddressPool(Subnet.parse('10.0.0.0/29'), undefined, (address) => far.has(address));
  assert.equal(formatIpv4(pool.allocate('a')), '10.0.0.4');
});
