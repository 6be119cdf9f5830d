import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decode, encode, validate } from './encoding.ts';
import { kindNames } from './kinds.ts';
import { sampleHost, samplePod, sampleVolume } from './samples.ts';

describe('validation', () => {
  test('valid resources pass', () => {
    validate('Pod', samplePod('web-1'));
    validate('Host', sampleHost('alpha'));
    validate('Volume', sampleVolume('data'));
  });

  test('a wrong field is refused with its path', () => {
    const pod = samplePod('web-1');
    const table: [string, () => void][] = [
      ['spec.memoryMiB', () => validate('Pod', { ...pod, spec: { ...pod.spec, memoryMiB: 1 } })],
      ['spec.containers', () => validate('Pod', { ...pod, spec: { ...pod.spec, containers: [] } })],
      ['status.serial', () => validate('Pod', { ...pod, status: { ...pod.status, serial: -1 } })],
      ['meta.uid', () => validate('Pod', { ...pod, meta: { ...pod.meta, uid: 'x' } })],
      [
        'spec.containers.0.args',
        () => {
          const containers = pod.spec.containers.map((container) => ({ ...container, args: [] }));
          validate('Pod', { ...pod, spec: { ...pod.spec, containers } });
        },
      ],
    ];
    for (const [path, refused] of table) {
      assert.throws(refused, (error: Error) => {
        assert.match(error.message, new RegExp(`^Pod web-1: ${path} `), error.message);
        assert.equal('code' in error && error.code, 'invalid');
        return true;
      });
    }
  });

  test('every kind has a schema', () => {
    assert.deepEqual([...kindNames].sort(), [
      'Config',
      'Event',
      'Host',
      'Image',
      'Namespace',
      'Network',
      'Pod',
      'Secret',
      'Tenant',
      'Volume',
      'Workload',
    ]);
  });
});

describe('encoding', () => {
  test('what is read is what was written, with its revision, and frozen', () => {
    const pod = samplePod('web-1', { meta: { revision: 3 } });
    const text = encode(pod);
    assert.ok(!text.includes('revision'));
    const read = decode('Pod', text, 7);
    assert.equal(read.meta.revision, 7);
    assert.deepEqual(read.spec, pod.spec);
    assert.throws(() => read.spec.containers.pop(), TypeError);
    assert.throws(() => {
      read.spec.run.wanted = 'running';
    }, TypeError);
  });

  test('a value of another kind is corrupt', () => {
    assert.throws(() => decode('Volume', encode(samplePod('web-1')), 1), { code: 'corrupt' });
    assert.throws(() => decode('Volume', 'null', 1), { code: 'corrupt' });
  });
});
