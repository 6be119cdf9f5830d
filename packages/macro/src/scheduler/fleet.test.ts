import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Band, Host, Pod } from '../model/index.ts';
import { check } from './check.ts';
import type { Plan } from './contract.ts';
import { Fleet } from './fleet.ts';
import { plan } from './plan.ts';
import { host, on, pod } from './testing.ts';

const hostNames = ['h1', 'h2', 'h3'];
const bandNames: Band[] = ['free', 'batch', 'production', 'system'];

type Change =
  | { readonly do: 'host'; readonly name: string; readonly cpus: number; readonly ready: boolean }
  | { readonly do: 'drop-host'; readonly name: string }
  | {
      readonly do: 'pod';
      readonly name: string;
      readonly at: string;
      readonly size: number;
      readonly band: Band;
    }
  | { readonly do: 'stop' | 'sleep' | 'wake' | 'drop-pod'; readonly name: string };

const name = fc.constantFrom(...hostNames);
const podName = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ do: fc.constant('host'), name, cpus: fc.constantFrom(2, 4, 8), ready: fc.boolean() }),
  fc.record({ do: fc.constant('drop-host'), name }),
  fc.record({
    do: fc.constant('pod'),
    name: podName,
    at: name,
    size: fc.constantFrom(0.5, 1, 2),
    band: fc.constantFrom(...bandNames),
  }),
  fc.record({ do: fc.constantFrom('stop', 'sleep', 'wake', 'drop-pod'), name: podName }),
);

/** What the fleet would say of each host, and what it would do with a pod. */
function view(fleet: Fleet): unknown {
  const rooms = hostNames.map((each) => {
    const slot = fleet.slotOf(each);
    if (slot === undefined) return undefined;
    const [weak, strong] = [fleet.rooms.free(slot, 0), fleet.rooms.free(slot, 3)];
    return { weak, strong, pods: [...fleet.placedOn(slot).keys()].sort(), leaving: fleet.leaving.size };
  });
  return { rooms, overfull: [...fleet.rooms.overfull].map((slot) => fleet.nameOf(slot)).sort() };
}

/** The slot of a host that is gone counted as overfull once the indexes were made anew. */
const largerAfterOneWent: Change[] = [
  { do: 'host', name: 'h1', cpus: 2, ready: false },
  { do: 'host', name: 'h3', cpus: 2, ready: false },
  { do: 'drop-host', name: 'h3' },
  { do: 'host', name: 'h1', cpus: 8, ready: false },
];

test('kept up to date by changes, a fleet is what it would be if it were made anew', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
      const fleet = new Fleet();
      const hosts = new Map<string, Host>();
      const pods = new Map<string, Pod>();
      for (const each of changes) {
        if (each.do === 'host') {
          const made = host(each.name, { status: { cpus: each.cpus, ready: each.ready } });
          hosts.set(each.name, made);
          fleet.setHost(made, 0);
        } else if (each.do === 'drop-host') {
          hosts.delete(each.name);
          fleet.removeHost(each.name);
        } else if (each.do === 'pod') {
          const made = on(each.at, each.name, each.size, each.band);
          pods.set(each.name, made);
          fleet.setPod(made);
        } else {
          const present = pods.get(each.name);
          if (!present) continue;
          if (each.do === 'drop-pod') {
            pods.delete(each.name);
            fleet.removePod(present.meta.uid);
          } else if (each.do !== 'stop') {
            const turned = structuredClone(present);
            if (each.do === 'wake') delete turned.status.asleep;
            else turned.status.asleep = { since: '2026-01-01T00:00:00.000Z', why: 'idle' };
            pods.set(each.name, turned);
            fleet.setPod(turned);
          } else {
            const stopped = structuredClone(present);
            stopped.spec.run.wanted = 'stopped';
            stopped.status.phase = 'stopping';
            pods.set(each.name, stopped);
            fleet.setPod(stopped);
          }
        }
      }
      const anew = Fleet.of({ hosts: [...hosts.values()], pods: [...pods.values()], volumes: [] });
      assert.deepEqual(view(fleet), view(anew));
      const wanted = [pod('new', 1), pod('weak', 2, { band: 'free' })];
      const made = plan(wanted, fleet);
      assert.deepEqual(check(made, wanted, fleet), []);
      assert.deepEqual(view(fleet), view(anew), 'a plan and its check leave it as it was');
      // Of two hosts that are as good, which one comes first is a matter of history.
      assert.deepEqual(check(plan(wanted, anew), wanted, anew), []);
    }),
    { examples: [[largerAfterOneWent]] },
  );
});

test('a pod that sleeps weighs nothing, whatever was measured of it before; awake it takes its room back from weaker ones', () => {
  const sleeper = on('h1', 'sleeper', 4, 'production');
  const measured = host('h1', {
    status: { usage: { [sleeper.meta.uid]: { cpus: 3, memoryBytes: 3 * 1024 ** 3 } } },
  });
  const fleet = Fleet.of({ hosts: [measured], pods: [sleeper], volumes: [] });
  fleet.setHost(measured, 0);
  const [web, weak] = [pod('web', 4), pod('weak', 4, { band: 'free' })];
  assert.equal(plan([web], fleet).bindings.length, 0);
  const asleep = structuredClone(sleeper);
  asleep.status.asleep = { since: '2026-01-01T00:00:00.000Z', why: 'idle' };
  fleet.setPod(asleep);
  assert.equal(plan([web], fleet).bindings.length, 1);
  assert.equal(plan([weak], fleet).bindings.length, 1);
  fleet.setPod(on('h1', 'weak', 4, 'free'));
  fleet.setPod(sleeper);
  const { evictions } = plan([], fleet);
  assert.deepEqual(
    evictions.map(({ uid }) => uid),
    [on('h1', 'weak', 4, 'free').meta.uid],
  );
});

test('the checker finds evictions that break the rules', () => {
  const pods = [
    on('h1', 'weak', 2, 'free'),
    on('h1', 'small', 1, 'free'),
    on('h1', 'equal', 1, 'production'),
  ];
  const [weak, small, equal] = pods.map((each) => each.meta.uid);
  const web = pod('web', 2);
  const fleet = Fleet.of({ hosts: [host('h1')], pods, volumes: [] });
  const faults = (uids: (string | undefined)[], more: Partial<Plan> = {}): string[] => {
    const evictions = uids.map((uid = '') => ({
      ...{ uid, revision: 5, host: 'h1', by: web.meta.uid, reason: 'a test' },
    }));
    const refusals = [{ uid: web.meta.uid, reasons: [], awaits: 'h1', message: '' }];
    return check({ bindings: [], evictions, refusals, ...more }, [web], fleet);
  };
  assert.deepEqual(faults([weak]), []);
  assert.deepEqual(faults([weak, small]), [`${small} is evicted without need`]);
  assert.deepEqual(faults([small]), ['web on h1: lacks memory', 'web on h1: lacks CPUs']);
  assert.deepEqual(faults([small, equal]), [`${equal} is not weaker than web`]);
  assert.deepEqual(faults([weak, 'nobody']), ["nobody isn't on h1"]);
  const refusals = [{ uid: web.meta.uid, reasons: [], message: '' }];
  assert.deepEqual(faults([weak], { refusals }), [`${weak} is evicted for nobody`]);
  const relief = { uid: small ?? '', revision: 5, host: 'h1', by: undefined, reason: 'a test' };
  assert.deepEqual(faults([], { evictions: [relief], refusals }), [`${small} is evicted without need`]);
});
