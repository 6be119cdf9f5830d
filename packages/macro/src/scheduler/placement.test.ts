import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Constraint, PodAffinity, Spread, Taint } from '../model/index.ts';
import { satisfies } from './host-rules.ts';
import { host, pod, show } from './testing.ts';

const names = (count: number, prefix = 'w'): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`);
const zones = ['a', 'a', 'b', 'b'].map((zone, i) => host(`h${i + 1}`, { labels: { 'kr.zone': zone } }));

test('constraints speak of a host’s facts', () => {
  const alpha = host('alpha', { labels: { gpus: '4', 'kr.zone': 'z1' }, spec: { manager: true } });
  const table: [string, Constraint['op'], string[], boolean][] = [
    ['kr.host', 'in', ['alpha'], true],
    ['kr.host', 'not-in', ['alpha', 'beta'], false],
    ['kr.zone', 'in', ['z2'], false],
    ['kr.role', 'in', ['manager'], true],
    ['kr.os', 'in', ['linux'], true],
    ['kr.arch', 'in', ['x86_64'], true],
    ['gpus', 'exists', [], true],
    ['gpus', 'absent', [], false],
    ['disk', 'absent', [], true],
    ['disk', 'not-in', ['ssd'], true],
    ['gpus', 'greater', ['3'], true],
    ['gpus', 'greater', ['4'], false],
    ['gpus', 'less', ['5'], true],
    ['kr.zone', 'less', ['5'], false],
    ['disk', 'greater', ['0'], false],
  ];
  for (const [key, op, values, holds] of table)
    assert.equal(satisfies(alpha, { key, op, values }), holds, `${key} ${op} ${values}`);
});

describe('placement', () => {
  test('a constraint is hard and says so; a preference is not', () => {
    const constraint: Constraint = { key: 'kr.zone', op: 'in', values: ['b'] };
    const nowhere: Constraint = { key: 'kr.zone', op: 'in', values: ['c', 'd'] };
    const wanted = [
      pod('hard', 1, { constraints: [constraint] }),
      pod('soft', 1, { prefer: [{ constraint, weight: 50 }] }),
      pod('never', 1, { constraints: [nowhere] }),
      pod('wish', 1, { prefer: [{ constraint: nowhere, weight: 50 }] }),
    ];
    assert.deepEqual(show(wanted, { hosts: zones }), [
      'hard -> h3',
      'soft -> h3',
      'wish -> h3',
      'never: none of 4 hosts can take it: 4 × not kr.zone in c, d',
    ]);
  });

  test('taints keep out who does not tolerate them; a drained or cordoned host takes nobody', () => {
    const taint = (effect: Taint['effect']) => ({ spec: { taints: [{ key: 'gpu', value: 'yes', effect }] } });
    const hosts = [host('hard', taint('no-schedule')), host('shy', taint('prefer-no-schedule'))];
    const tolerant = (name: string) => pod(name, 4, { tolerations: [{ key: 'gpu' }] });
    assert.deepEqual(show([pod('a', 4), pod('b', 4), tolerant('c')], { hosts }), [
      'a -> shy',
      'c -> hard',
      'b: none of 2 hosts can take it: 1 × lacks memory, 1 × tainted gpu=yes',
    ]);
    const closed = [
      host('c', { spec: { cordoned: true } }),
      host('d', { spec: { cordoned: false, drained: true } }),
    ];
    assert.deepEqual(show([tolerant('a')], { hosts: closed }), [
      'a: none of 2 hosts can take it: 1 × cordoned, 1 × drained',
    ]);
  });

  test('replicas spread over zones, then hosts, and pods without an owner pack', () => {
    const replicas = names(4).map((name) => pod(name, 1, {}, { owner: 'web' }));
    assert.deepEqual(show(replicas, { hosts: zones }), ['w1 -> h1', 'w2 -> h3', 'w3 -> h2', 'w4 -> h4']);
    assert.deepEqual(
      show(
        names(4).map((name) => pod(name)),
        { hosts: zones },
      ),
      names(4).map((name) => `${name} -> h1`),
    );
  });

  test('at most so many replicas on a host', () => {
    const replicas = names(3).map((name) => pod(name, 1, { perHostMax: 1 }, { owner: 'web' }));
    assert.deepEqual(show(replicas, { hosts: zones.slice(0, 2) }), [
      'w1 -> h1',
      'w2 -> h2',
      'w3: none of 2 hosts can take it: 2 × has 1 of its replicas',
    ]);
  });

  test('far: apart from each other, and what is there keeps others away too', () => {
    const far: PodAffinity[] = [{ labels: { app: 'db' }, topology: 'kr.zone', required: true, weight: 1 }];
    const databases = names(3, 'db').map((name) => pod(name, 1, { far }, { labels: { app: 'db' } }));
    assert.deepEqual(show(databases, { hosts: zones }), [
      'db1 -> h1',
      'db2 -> h3',
      'db3: none of 4 hosts can take it: 4 × too near (kr.zone) to pods that are to be kept apart',
    ]);
    const there = pod('db1', 1, { far }, { labels: { app: 'db' }, spec: { host: 'h1' } });
    const other = pod('plain', 1, {}, { labels: { app: 'db' } });
    assert.deepEqual(show([other], { hosts: zones, pods: [there] }), ['plain -> h3']);
  });

  test('near: with the others; the first of a group goes anywhere', () => {
    const near: PodAffinity[] = [{ labels: { app: 'web' }, topology: 'kr.host', required: true, weight: 1 }];
    const web = names(2).map((name) => pod(name, 3, { near }, { labels: { app: 'web' } }));
    assert.deepEqual(show(web, { hosts: zones.slice(0, 2) }), [
      'w1 -> h1',
      'w2: none of 2 hosts can take it: 1 × lacks memory, 1 × not near (kr.host) the pods that it belongs to',
    ]);
    const liked: PodAffinity[] = [
      { labels: { app: 'web' }, topology: 'kr.zone', required: false, weight: 40 },
    ];
    const there = pod('web', 1, {}, { labels: { app: 'web' }, spec: { host: 'h4' } });
    const full = pod('full', 3.5, {}, { spec: { host: 'h4' } });
    assert.deepEqual(show([pod('a', 1, { near: liked })], { hosts: zones, pods: [there, full] }), [
      'a -> h3',
    ]);
  });

  test('spread: never more uneven than allowed, also when that means to wait', () => {
    const spread: Spread[] = [{ topology: 'kr.zone', labels: { app: 'web' }, maxSkew: 1, required: true }];
    const web = names(5).map((name) => pod(name, 2, { spread }, { labels: { app: 'web' } }));
    const hosts = [...zones.slice(0, 3), host('h0')];
    assert.deepEqual(show(web, { hosts }), ['w1 -> h1', 'w2 -> h3', 'w3 -> h1', 'w4 -> h3', 'w5 -> h2']);
    const more = [...web, pod('w6', 2, { spread }, { labels: { app: 'web' } })];
    assert.equal(
      show(more, { hosts }).at(-1),
      'w6: none of 4 hosts can take it: 2 × lacks memory, 2 × uneven over kr.zone',
    );
  });

  test('an image that is there draws pods', () => {
    const images = [pod('x').spec.containers[0]?.image.id ?? ''];
    assert.deepEqual(show([pod('a')], { hosts: [host('h1'), host('h2', { status: { images } })] }), [
      'a -> h2',
    ]);
  });
});
