import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { mayBecome, type Pod, type PodPhase, type Volume } from '../../model/index.ts';
import { samplePod, sampleVolume } from '../../model/samples.ts';
import { fateOf, meetFate } from './fate.ts';

const nowMs = Date.parse('2026-01-02T00:00:00Z');
const noVolume = (): Volume | undefined => undefined;

interface Case {
  readonly phase: PodPhase;
  readonly wanted?: Pod['spec']['run']['wanted'];
  /** `run.serial` and `status.serial`. */
  readonly serials?: readonly [number, number];
  readonly restart?: Pod['spec']['restart']['name'];
  readonly deleted?: boolean;
  readonly ofWorkload?: boolean;
  readonly volume?: boolean;
}

function podOf(item: Case): Pod {
  const { phase, wanted = 'running', serials: [wantedSerial, serial] = [1, 1], restart = 'always' } = item;
  const pod = structuredClone(samplePod('web'));
  pod.spec.host = 'alpha';
  pod.spec.run = { wanted, serial: wantedSerial, stoppedByUser: false };
  pod.spec.restart = { name: restart, retriesMax: 0 };
  pod.meta.finalizers = ['host', 'other'];
  if (item.deleted) pod.meta.deletedAt = new Date(nowMs).toISOString();
  if (item.ofWorkload) pod.meta.owner = { kind: 'Workload', uid: pod.meta.uid, name: 'web' };
  if (item.volume) {
    const [container] = pod.spec.containers;
    container?.mounts.push({
      type: 'volume',
      volume: 'data',
      target: '/data',
      readOnly: false,
      copyUp: false,
      anonymous: false,
    });
  }
  pod.status.phase = phase;
  pod.status.serial = serial;
  pod.status.containers = [
    {
      name: 'main',
      state: 'running',
      exitCode: 0,
      oomKilled: false,
      error: '',
      startedAt: '2026-01-01T00:00:00Z',
    },
  ];
  return pod;
}

const table: [string, Case, string][] = [
  ['it ran and comes again', { phase: 'running' }, 'move'],
  ['paused', { phase: 'paused', wanted: 'paused' }, 'move'],
  ['without a restart policy', { phase: 'running', restart: 'no' }, 'end'],
  ['on-failure: this was one', { phase: 'running', restart: 'on-failure' }, 'move'],
  [
    'asked for and not begun, whatever its policy',
    { phase: 'created', serials: [1, 0], restart: 'no' },
    'move',
  ],
  ['started again after its exit', { phase: 'exited', serials: [2, 1], restart: 'no' }, 'move'],
  ['its start was under way', { phase: 'starting', serials: [1, 0] }, 'move'],
  ['it waited to be restarted', { phase: 'restarting' }, 'move'],
  ['it was being stopped', { phase: 'stopping', wanted: 'stopped' }, 'end'],
  ['created', { phase: 'created', wanted: 'created', serials: [0, 0] }, 'nothing'],
  ['exited', { phase: 'exited', wanted: 'stopped' }, 'nothing'],
  ['to be removed', { phase: 'running', deleted: true }, 'release'],
  ['of a workload', { phase: 'running', ofWorkload: true, restart: 'no' }, 'nothing'],
  ['of a workload, being stopped', { phase: 'running', wanted: 'stopped', ofWorkload: true }, 'end'],
  ['of a workload, to be removed', { phase: 'running', ofWorkload: true, deleted: true }, 'release'],
  ['its data is on the lost host', { phase: 'running', volume: true }, 'wait'],
];

describe('the pods of a lost host', () => {
  for (const [name, item, fate] of table) {
    test(`${name}: ${fate}`, () => {
      const volumeOf = (): Volume => sampleVolume('data');
      const pod = podOf(item);
      const decided = fateOf(pod, volumeOf);
      assert.equal(decided.do, fate);
      const after = meetFate(structuredClone(pod), decided, nowMs);
      if (!after) return assert.equal(fate, 'nothing');
      assert.ok(
        mayBecome(pod.status.phase, after.status.phase),
        `${pod.status.phase} to ${after.status.phase}`,
      );
      assert.equal(fateOf(after, volumeOf).do, 'nothing', 'once met, it is met');
    });
  }

  test('one that moves is wanted anew, free of its host, and says why', () => {
    const after = meetFate(podOf({ phase: 'running' }), { do: 'move' }, nowMs);
    assert.ok(after);
    assert.equal(after.spec.host, undefined);
    assert.deepEqual(after.meta.finalizers, ['other']);
    assert.deepEqual(after.spec.run, { wanted: 'running', serial: 2, stoppedByUser: false });
    assert.equal(after.status.message, 'moved from alpha: host lost');
    const [container] = after.status.containers;
    assert.deepEqual([container?.state, container?.exitCode], ['exited', 137]);
  });

  test('one that ends has exited as by a kill', () => {
    const after = meetFate(podOf({ phase: 'running', restart: 'no' }), { do: 'end' }, nowMs);
    assert.deepEqual([after?.status.phase, after?.status.message], ['exited', 'its host was lost']);
    assert.equal(after?.status.containers[0]?.exitCode, 137);
    assert.equal(after?.spec.host, 'alpha', 'its files are there');
  });

  test('one that waits runs again as soon as its host is back', () => {
    const pod = podOf({ phase: 'running', volume: true });
    const after = meetFate(
      pod,
      fateOf(pod, () => sampleVolume('data')),
      nowMs,
    );
    assert.equal(after?.spec.host, 'alpha');
    assert.deepEqual([after?.spec.run.serial, after?.status.serial], [2, 1]);
    assert.match(after?.status.message ?? '', /alpha was lost, where volume data is/);
    assert.equal(fateOf(podOf({ phase: 'running', volume: true }), noVolume).do, 'move');
  });
});
