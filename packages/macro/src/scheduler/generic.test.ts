import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GenericResource } from '../model/index.ts';
import { offeredBy } from './generic.ts';
import { host, pod, show } from './testing.ts';

const gpus = (count: number): GenericResource => ({ kind: 'gpu', count });
const gpu = (name: string): GenericResource => ({ kind: 'gpu', count: 1, name });
const wants = (name: string, ...generic: GenericResource[]) => pod(name, 0.1, { generic });

test('a label says how many a host has, or which', () => {
  const offers = (text: string) => offeredBy(host('h', { labels: { 'kr.generic.gpu': text } }), 'gpu');
  assert.deepEqual(offers('4'), { count: 4, names: [] });
  assert.deepEqual(offers('A,B,'), { count: 2, names: ['A', 'B'] });
  assert.deepEqual([offers('').count, offeredBy(host('h'), 'gpu').count], [0, 0]);
});

test('pods have what they ask for to themselves, and wait when there is none left', () => {
  const hosts = [host('h1', { labels: { 'kr.generic.gpu': '2' } }), host('h2')];
  assert.deepEqual(show([wants('a', gpus(2)), wants('b', gpus(1))], { hosts }), [
    'a -> h1',
    'b: none of 2 hosts can take it: 1 × lacks gpu, 1 × not with kr.generic.gpu',
  ]);
  const running = pod('r', 0.1, { generic: [gpus(1)] }, { spec: { host: 'h1' } });
  assert.deepEqual(show([wants('c', gpus(1))], { hosts, pods: [running] }), ['c -> h1']);
  assert.deepEqual(show([wants('d', gpus(3))], { hosts, pods: [running] }).length, 1);
});

test('one by its name is had once', () => {
  const hosts = [host('h1', { labels: { 'kr.generic.gpu': 'A,B' } })];
  assert.deepEqual(show([wants('a', gpu('A')), wants('again', gpu('A')), wants('any', gpus(1))], { hosts }), [
    'a -> h1',
    'any -> h1',
    "again: host h1 can't take it: lacks gpu A",
  ]);
  assert.deepEqual(show([wants('other', gpu('C'))], { hosts }), [
    "other: host h1 can't take it: lacks gpu C",
  ]);
});

test('nobody leaves for it, of whatever band', () => {
  const hosts = [host('h1', { labels: { 'kr.generic.gpu': '1' } })];
  const weak = pod('weak', 0.1, { band: 'batch', generic: [gpus(1)] }, { spec: { host: 'h1' } });
  assert.deepEqual(show([wants('strong', gpus(1))], { hosts, pods: [weak] }), [
    "strong: host h1 can't take it: lacks gpu",
  ]);
});
