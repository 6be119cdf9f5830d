import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Host, Pod, PodSpec, Volume } from '../model/index.ts';
import { sampleHost, samplePod, sampleVolume } from '../model/samples.ts';
import { check } from './check.ts';
import type { Observed } from './contract.ts';
import { Fleet } from './fleet.ts';
import { plan } from './plan.ts';

const gib = 1024 ** 3;
const running = { run: { wanted: 'running', serial: 1, stoppedByUser: false } } satisfies Partial<PodSpec>;
const port = (hostPort: number) => ({ protocol: 'tcp' as const, podPort: 80, hostIp: '', hostPort });

function wantedPod(name: string, spec: Partial<PodSpec> = {}): Pod {
  return samplePod(name, { meta: { revision: 5 }, spec: { ...running, ...spec } });
}

function seen(hosts: Host[], pods: Pod[] = [], volumes: Volume[] = []): Observed {
  return { hosts, pods, volumes };
}

/** `web -> alpha` or `web: why not`, after the checker has found nothing. */
function show(wanted: Pod[], observed: Observed): string[] {
  const fleet = Fleet.of(observed);
  const made = plan(wanted, fleet);
  assert.deepEqual(check(made, wanted, fleet), []);
  const name = (uid: string): string => wanted.find((pod) => pod.meta.uid === uid)?.meta.name ?? uid;
  return [
    ...made.bindings.map((binding) => `${name(binding.uid)} -> ${binding.host}`),
    ...made.refusals.map((refusal) => `${name(refusal.uid)}: ${refusal.message}`),
  ];
}

describe('plan', () => {
  test('one host takes all that fits', () => {
    const pods = ['a', 'b'].map((name) => wantedPod(name));
    assert.deepEqual(show(pods, seen([sampleHost('alpha')])), ['a -> alpha', 'b -> alpha']);
  });

  test('packs the fuller host first, and the next once it is full', () => {
    const hosts = ['alpha', 'beta'].map((name) => sampleHost(name, { memoryBytes: gib / 8 }));
    const bound = wantedPod('old', { memoryMiB: 512, host: 'beta' });
    const pods = ['a', 'b'].map((name) => wantedPod(name, { memoryMiB: 512 }));
    assert.deepEqual(show(pods, seen(hosts, [bound])), ['a -> beta', 'b -> alpha']);
  });

  test('says why not', () => {
    const cordoned = { ...sampleHost('beta'), spec: { cordoned: true } };
    const hosts = [
      sampleHost('alpha', { ready: false }),
      cordoned,
      sampleHost('gamma', { memoryBytes: gib }),
    ];
    const big = wantedPod('big', { memoryMiB: 16 * 1024 });
    assert.deepEqual(show([big], seen(hosts)), [
      'big: none of 3 hosts can take it: 1 × cordoned, 1 × lacks memory, 1 × not ready',
    ]);
    assert.deepEqual(show([big], seen(hosts.slice(0, 1))), ["big: host alpha can't take it: not ready"]);
    assert.deepEqual(show([big], seen([])), ['big: no host has joined yet']);
  });

  test('goes where its volume and its labels say', () => {
    const beta = sampleHost('beta');
    const zoned = { ...beta, meta: { ...beta.meta, labels: { 'kr.zone': 'z1' } } };
    const hosts = [sampleHost('alpha'), zoned];
    const data = { ...sampleVolume('data'), status: { host: 'beta' } };
    const [container] = samplePod('x').spec.containers;
    assert.ok(container);
    const mount = {
      type: 'volume',
      volume: 'data',
      target: '/d',
      readOnly: false,
      copyUp: true,
      anonymous: false,
    };
    const withData = wantedPod('db', {
      containers: [{ ...container, mounts: [mount as (typeof container.mounts)[number]] }],
    });
    const inZone = wantedPod('web');
    inZone.meta.labels = { 'kr.zone': 'z1' };
    const onHost = wantedPod('here');
    onHost.meta.labels = { 'kr.host': 'alpha' };
    const nowhere = wantedPod('lost');
    nowhere.meta.labels = { 'kr.zone': 'z9' };
    assert.deepEqual(show([withData, inZone, onHost, nowhere], seen(hosts, [], [data])), [
      'db -> beta',
      'web -> beta',
      'here -> alpha',
      'lost: none of 2 hosts can take it: 2 × not kr.zone=z9',
    ]);
  });

  test('two that are made before either starts, with a new volume in common, go to one host', () => {
    const hosts = [sampleHost('alpha'), sampleHost('beta')];
    const [container] = samplePod('x').spec.containers;
    assert.ok(container);
    const rest = { target: '/d', readOnly: false, copyUp: true, anonymous: false };
    const mounts = [{ type: 'volume', volume: 'data', ...rest } as (typeof container.mounts)[number]];
    const containers = [{ ...container, mounts }];
    const created = { wanted: 'created', serial: 0, stoppedByUser: false } as const;
    const first = wantedPod('first', { containers, run: created });
    // It would rather go where its port is free.
    const second = wantedPod('second', { containers, run: created, ports: [port(80)] });
    const taken = wantedPod('old', { ports: [port(80)], host: 'alpha' });
    const data = sampleVolume('data');
    const fuller = seen(hosts, [taken], [data]);
    assert.deepEqual(show([second], fuller), ['second -> beta']);
    assert.deepEqual(show([first, second], fuller), ['first -> alpha', 'second -> alpha']);
    const bound = { ...first, spec: { ...first.spec, host: 'alpha' } };
    assert.deepEqual(show([second], seen(hosts, [taken, bound], [data])), ['second -> alpha']);
    const moved = { ...data, status: { host: 'beta' } };
    assert.deepEqual(show([second], seen(hosts, [taken, bound], [moved])), ['second -> beta']);
    const gone = { ...first, spec: { ...first.spec, host: 'gamma' } };
    assert.deepEqual(show([second], seen(hosts, [taken, gone], [data])), ['second -> beta']);
  });

  test('ports: two that run need two hosts; one that is only created is not refused', () => {
    const hosts = [sampleHost('alpha'), sampleHost('beta')];
    const pods = ['a', 'b', 'c'].map((name) => wantedPod(name, { ports: [port(80)] }));
    assert.deepEqual(show(pods, seen(hosts)), [
      'a -> alpha',
      'b -> beta',
      'c: none of 2 hosts can take it: 2 × port 80/tcp is taken',
    ]);
    const created = wantedPod('d', {
      ports: [port(80)],
      run: { wanted: 'created', serial: 0, stoppedByUser: false },
    });
    const taken = wantedPod('old', { ports: [port(80)], host: 'alpha' });
    assert.deepEqual(show([created], seen(hosts, [taken])), ['d -> beta']);
    assert.deepEqual(show([created], seen(hosts.slice(0, 1), [taken])), ['d -> alpha']);
  });

  test('any fleet: the checker agrees, the input is untouched, and the same input gives the same plan', () => {
    const host = fc.record({
      memory: fc.integer({ min: 0, max: 4 }),
      ready: fc.boolean(),
      cordoned: fc.boolean(),
    });
    const pod = fc.record({
      memoryMiB: fc.integer({ min: 64, max: 16384 }),
      port: fc.integer({ min: 0, max: 3 }),
    });
    const property = fc.property(
      fc.array(host, { maxLength: 5 }),
      fc.array(pod, { maxLength: 20 }),
      fc.array(pod, { maxLength: 20 }),
      (hostDrafts, boundDrafts, wantedDrafts) => {
        const hosts = hostDrafts.map(({ memory, ready, cordoned }, i) => ({
          ...sampleHost(`h${i}`, { memoryBytes: (memory * gib) / 4, ready }),
          spec: { cordoned },
        }));
        const make =
          (prefix: string, host?: string) => (draft: { memoryMiB: number; port: number }, i: number) =>
            wantedPod(`${prefix}${i}`, {
              memoryMiB: draft.memoryMiB,
              ports: [port(draft.port)],
              ...(host === undefined ? {} : { host }),
            });
        const bound = boundDrafts.map(make('b', 'h0'));
        const wanted = wantedDrafts.map(make('w'));
        const observed = seen(hosts, [...bound, ...wanted]);
        const before = structuredClone({ wanted, observed });
        const fleet = Fleet.of(observed);
        const made = plan(wanted, fleet);
        assert.deepEqual(check(made, wanted, fleet), []);
        assert.deepEqual({ wanted, observed }, before);
        assert.deepEqual(plan(wanted, fleet), made);
        assert.deepEqual(plan(wanted, Fleet.of(observed)), made);
      },
    );
    fc.assert(property);
  });
});

test('the checker finds what is wrong', () => {
  const hosts = [sampleHost('alpha'), sampleHost('beta', { ready: false })];
  const [a, b] = [wantedPod('a', { ports: [port(80)] }), wantedPod('b', { ports: [port(80)] })];
  const bind = (pod: Pod, host: string, revision = 5) => ({ uid: pod.meta.uid, revision, host });
  const faults = (bindings: ReturnType<typeof bind>[]) =>
    check({ bindings, evictions: [], refusals: [] }, [a, b], Fleet.of(seen(hosts)));
  assert.deepEqual(faults([bind(a, 'alpha'), bind(b, 'alpha')]), ['b on alpha: port 80/tcp is taken']);
  assert.deepEqual(faults([bind(a, 'beta'), bind(b, 'gone')]), [
    'a on beta: not ready',
    "b is bound to gone, which isn't there",
  ]);
  assert.deepEqual(faults([bind(a, 'alpha', 4)]), ['a was planned for another version', 'b was forgotten']);
});
