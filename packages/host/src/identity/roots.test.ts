import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { must } from '@kraud/base';
import fc from 'fast-check';
import { digestOf } from './key.ts';
import { peerLimits } from './limits.ts';
import { makeRoot } from './root.ts';
import {
  firstRoots,
  formatRoots,
  type HostTrust,
  isAtRest,
  nextStep,
  parseRoots,
  type Roots,
  trustedMax,
  withTarget,
} from './roots.ts';

/** Fails when there is none. */
const the = <T>(value: T | undefined): T => must(value, 'there is one');

const made = await Promise.all(
  Array.from({ length: trustedMax + 1 }, () => makeRoot(Date.now(), peerLimits)),
);
const [first, second, third] = [the(made[0]), the(made[1]), the(made[2])];
const [one, two, three] = [digestOf(first.cert), digestOf(second.cert), digestOf(third.cert)];
const digests = ({ trusted }: Roots): string[] => trusted.map(({ cert }) => digestOf(cert));

test('each root has a name of its own', () => {
  assert.equal(new Set(made.map(({ cert }) => new X509Certificate(cert).subject)).size, made.length);
});

test('a root takes the place of another in two steps, each when all hosts are ready for it', () => {
  let roots = withTarget(firstRoots(first), second);
  assert.deepEqual(digests(roots), [one, two]);
  assert.equal(roots.issuer, first);
  const old: HostTrust = { issuer: one, roots: [one] };
  const both: HostTrust = { issuer: one, roots: [one, two] };
  assert.equal(nextStep(roots, [both, old]), undefined);
  assert.equal(nextStep(roots, [both, undefined]), undefined, 'one that says nothing is not ready');
  roots = the(nextStep(roots, [both, both]));
  assert.equal(roots.issuer, second);
  const renewed: HostTrust = { issuer: two, roots: [one, two] };
  assert.equal(nextStep(roots, [renewed, both]), undefined);
  roots = the(nextStep(roots, [renewed, renewed]));
  assert.deepEqual(digests(roots), [two]);
  assert.ok(isAtRest(roots));
  assert.equal(roots.cloud, one, 'it is the same cloud');
  assert.equal(nextStep(roots, []), undefined);
});

test('a change of mind on the way: a third root, or back to the first', () => {
  const begun = withTarget(firstRoots(first), second);
  const on = withTarget(begun, third);
  assert.deepEqual(digests(on), [one, two, three]);
  assert.equal(nextStep(on, [{ issuer: one, roots: [one, two] }]), undefined);
  const back = withTarget(on, first);
  const all: HostTrust = { issuer: one, roots: [one, two, three] };
  assert.deepEqual(digests(the(nextStep(back, [all]))), [one]);
  const many = made.slice(1, trustedMax).reduce(withTarget, firstRoots(first));
  assert.throws(() => withTarget(many, the(made.at(-1))), { code: 'conflict' });
});

test('what is stored is read again, and so is what stood there before roots could be replaced', () => {
  const states = [firstRoots(first), withTarget(firstRoots(first), second)];
  states.push(the(nextStep(the(states[1]), [])), the(nextStep(the(nextStep(the(states[1]), [])), [])));
  for (const roots of states) assert.deepEqual(parseRoots(formatRoots(roots)), roots);
  assert.deepEqual(parseRoots(JSON.stringify(first)), firstRoots(first));
  for (const wrong of [
    '{}',
    '[]',
    'null',
    '{"cert":"x","key":"y"}',
    JSON.stringify({ ...first, trusted: [] }),
  ]) {
    assert.throws(() => parseRoots(wrong));
  }
});

/**
 * Hosts follow in any order, go away and come back, and steps are taken by whoever looks. Two that have the roots of some
 * time of this change trust each other; in the end all have the new one.
 */
test('whatever the order, hosts that are there trust each other all the way', () => {
  const event = fc.record({ host: fc.nat(3), what: fc.constantFrom('follow', 'away', 'step', 'turn') });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      let roots = firstRoots(first);
      const hosts = Array.from({ length: 4 }, () => ({ issuer: one, roots: [one], away: false }));
      const follow = (n: number): void => {
        Object.assign(the(hosts[n]), {
          issuer: digestOf(roots.issuer.cert),
          roots: digests(roots),
          away: false,
        });
      };
      const step = (): void => {
        roots =
          nextStep(
            roots,
            hosts.filter(({ away }) => !away),
          ) ?? roots;
      };
      for (const { host, what } of events) {
        if (what === 'follow') follow(host);
        else if (what === 'away') the(hosts[host]).away = true;
        else if (what === 'step') step();
        else roots = withTarget(roots, the(made[host]));
        const there = hosts.filter(({ away }) => !away);
        for (const a of there) for (const b of there) assert.ok(a.roots.includes(b.issuer));
      }
      for (let round = 0; round < 3; round += 1) {
        for (const n of hosts.keys()) follow(n);
        step();
      }
      assert.ok(isAtRest(roots));
    }),
  );
});
