import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { renderVirtualRules, type VirtualAddress } from './rules.ts';

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

test('the zone follows from the members, in any order, and not from who is ready', () => {
  const zones = zonesOf(web);
  assert.equal(zonesOf({ ...web, ready: ['10.1.0.2'] }), zones);
  const turned = zonesOf({ ...web, members: web.members.toReversed() });
  assert.deepEqual(turned?.match(/: \d+/g), zones?.match(/: \d+/g));
  assert.notDeepEqual(zonesOf({ ...web, members: web.ready })?.match(/: \d+/), zones?.match(/: \d+/));
});
