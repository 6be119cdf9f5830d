import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { renderVirtualChange, renderVirtualRules, type VirtualAddress } from './rules.ts';

const web: VirtualAddress = {
  address: '10.1.0.240',
  ready: ['10.1.0.2', '10.1.0.3'],
  members: ['10.1.0.2', '10.1.0.3', '10.1.0.4'],
};
const none: VirtualAddress = { address: '10.1.0.241', ready: [], members: [] };

const zonesOf = (address: VirtualAddress): string | undefined =>
  renderVirtualRules([address]).find((line) => /^add element \S+ \S+ zone/.test(line));

test('the table of virtual addresses is the one reviewed in golden/', () => {
  const golden = readFileSync(new URL('../golden/virtual.nft', import.meta.url), 'utf8');
  assert.equal(`${renderVirtualRules([web, none]).join('\n')}\n`, golden);
});

test('a change says no more than what differs', () => {
  assert.deepEqual(renderVirtualChange([web, none], [web, none]), []);
  assert.deepEqual(renderVirtualChange([web, none], [{ ...web, ready: ['10.1.0.3'] }, none]), [
    'flush chain inet kraud-virtual to_10.1.0.240',
    'add rule inet kraud-virtual to_10.1.0.240 dnat ip to numgen inc mod 1 map { 0 : 10.1.0.3 }',
  ]);
  assert.deepEqual(renderVirtualChange([web], [{ ...web, ready: [] }, none]), [
    'add element inet kraud-virtual virtual { 10.1.0.241 }',
    `add element inet kraud-virtual zone { 10.1.0.241 : ${/: (\d+)/.exec(zonesOf(none) ?? '')?.[1]} }`,
    'delete element inet kraud-virtual to { 10.1.0.240 : goto to_10.1.0.240 }',
    'flush chain inet kraud-virtual to_10.1.0.240',
    'delete chain inet kraud-virtual to_10.1.0.240',
  ]);
});

test('the zone follows from the members, in any order, and not from who is ready', () => {
  const zones = zonesOf(web);
  assert.equal(zonesOf({ ...web, ready: ['10.1.0.2'] }), zones);
  const turned = zonesOf({ ...web, members: web.members.toReversed() });
  assert.deepEqual(turned?.match(/: \d+/g), zones?.match(/: \d+/g));
  assert.notDeepEqual(zonesOf({ ...web, members: web.ready })?.match(/: \d+/), zones?.match(/: \d+/));
});
