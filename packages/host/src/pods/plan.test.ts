import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '@kraud/macro';
import { HostWorld } from '@kraud/testkit';
import fc from 'fast-check';
import { type Action, type Observed, plan } from './plan.ts';

await using world = new HostWorld();
await world.tables.ready();
const sample = await world.create('sample', ['app']);

interface State {
  wanted: Pod['spec']['run']['wanted'];
  wantedSerial: number;
  serial: number;
  phase: Pod['status']['phase'];
  deleted: boolean;
  observed: Observed;
}

const podOf = ({ wanted, wantedSerial, serial, phase, deleted }: State): Pod => ({
  ...sample,
  meta: { ...sample.meta, ...(deleted ? { deletedAt: sample.meta.createdAt } : {}) },
  spec: { ...sample.spec, run: { wanted, serial: wantedSerial, stoppedByUser: false } },
  status: { ...sample.status, phase, serial },
});

/** A pod has one of a run, a sleeper and a toolbox. */
const state: fc.Arbitrary<State> = fc
  .record({
    wanted: fc.constantFrom('created' as const, 'running' as const, 'paused' as const, 'stopped' as const),
    wantedSerial: fc.nat(3),
    serial: fc.nat(3),
    phase: fc.constantFrom('created' as const, 'running' as const, 'paused' as const, 'exited' as const),
    deleted: fc.boolean(),
    observed: fc.record({
      busy: fc.constant(undefined),
      run: fc.option(
        fc.record({
          serial: fc.integer({ min: 1, max: 3 }),
          paused: fc.boolean(),
          ended: fc.boolean(),
          stop: fc.constantFrom('none' as const, 'signalled' as const, 'overdue' as const, 'killed' as const),
          name: fc.constantFrom(undefined, sample.meta.name, 'before'),
          reported: fc.boolean(),
        }),
        { nil: undefined },
      ),
      asleep: fc.option(
        fc.record({
          parked: fc.boolean(),
          reported: fc.boolean(),
          knocked: fc.boolean(),
          name: fc.constantFrom(undefined, sample.meta.name, 'before'),
          precious: fc.boolean(),
        }),
        { nil: undefined },
      ),
      drowsy: fc.boolean(),
      toolbox: fc.option(fc.record({ users: fc.nat(2), idle: fc.boolean() }), { nil: undefined }),
      callers: fc.nat(2),
      prepared: fc.boolean(),
      closing: fc.constant(undefined),
    }),
  })
  .map((any) => {
    const { run, asleep, toolbox } = any.observed;
    const one = { run, asleep: run ? undefined : asleep, toolbox: run || asleep ? undefined : toolbox };
    return { ...any, observed: { ...any.observed, ...one } };
  });

/** What an action comes to, with a world in which everything works and programs heed signals. */
function apply(before: State, action: Action): State {
  const { observed } = before;
  const { run } = observed;
  const withRun = (change: Partial<NonNullable<Observed['run']>>): State => ({
    ...before,
    observed: { ...observed, run: run && { ...run, ...change } },
  });
  const withSleeper = (change: Partial<NonNullable<Observed['asleep']>>): State => ({
    ...before,
    observed: { ...observed, asleep: observed.asleep && { ...observed.asleep, ...change } },
  });
  switch (action.do) {
    case 'nothing':
    case 'abort':
      return before;
    case 'prepare':
      return { ...before, observed: { ...observed, prepared: true } };
    case 'start': {
      const started = { serial: action.serial, paused: false, ended: false, stop: 'none' as const };
      const named = { name: sample.meta.name, reported: false };
      return { ...before, observed: { ...observed, run: { ...started, ...named } } };
    }
    case 'sleep': {
      const sleeper = { parked: false, reported: false, knocked: false, name: run?.name, precious: false };
      return { ...before, observed: { ...observed, run: undefined, drowsy: false, asleep: sleeper } };
    }
    case 'wake': {
      const woken = { serial: before.serial, paused: false, ended: false, stop: 'none' as const };
      const named = { name: observed.asleep?.name, reported: false };
      return { ...before, observed: { ...observed, asleep: undefined, run: { ...woken, ...named } } };
    }
    case 'park':
      return withSleeper({ parked: true });
    case 'discard':
      return { ...before, phase: 'exited', observed: { ...observed, asleep: undefined } };
    case 'rename':
      return withRun({ name: sample.meta.name });
    case 'report':
      if (observed.asleep) {
        return { ...withSleeper({ reported: true }), serial: Math.max(before.serial, before.wantedSerial) };
      }
      return {
        ...withRun({ reported: true }),
        phase: run?.paused ? 'paused' : 'running',
        serial:
          before.wanted === 'stopped' ? (run?.serial ?? 0) : Math.max(run?.serial ?? 0, before.wantedSerial),
      };
    case 'pause':
    case 'resume':
      return withRun({ paused: action.do === 'pause' });
    case 'signal':
    case 'kill':
    case 'kill-vm':
      return withRun({ ended: true });
    case 'finish':
      return {
        ...before,
        phase: 'exited',
        serial: Math.max(before.serial, run?.serial ?? 0),
        observed: { ...observed, run: undefined },
      };
    case 'settle':
      return {
        ...before,
        phase: 'exited',
        serial: action.because === 'overtaken' ? before.wantedSerial : before.serial,
      };
    case 'open-toolbox':
      return { ...before, observed: { ...observed, toolbox: { users: 0, idle: false } } };
    case 'serve':
      return { ...before, observed: { ...observed, callers: observed.callers - 1 } };
    case 'close-toolbox':
      return { ...before, observed: { ...observed, toolbox: undefined } };
    case 'remove':
      return before;
  }
}

test('from any state it comes to rest, and then what is wanted is so', () => {
  fc.assert(
    fc.property(state, (begin) => {
      let now = begin;
      let last: Action = { do: 'nothing' };
      let starts = 0;
      for (let step = 0; step < 20; step += 1) {
        last = plan(podOf(now), now.observed);
        if (last.do === 'start') {
          starts += 1;
          assert.equal(now.observed.run, undefined);
          assert.equal(now.observed.toolbox, undefined);
          assert.ok(last.serial > now.serial);
        }
        if (last.do === 'nothing' || last.do === 'remove') break;
        now = apply(now, last);
      }
      assert.ok(starts <= 1, 'a run is begun once');
      const { run, toolbox, asleep } = now.observed;
      if (run && run.stop !== 'none') {
        // A stop that is under way waits for the program or its deadline.
        assert.equal(last.do, 'nothing');
        return;
      }
      if (toolbox && (toolbox.users > 0 || !toolbox.idle)) return;
      if (asleep) {
        assert.ok(asleep.parked && asleep.reported && !asleep.knocked && !now.deleted);
        assert.equal(now.wanted, 'running');
        return;
      }
      if (now.deleted) assert.equal(last.do, 'remove');
      else if (now.wanted === 'stopped' || now.wanted === 'created') assert.equal(run, undefined);
      else if (run) assert.equal(run.paused, now.wanted === 'paused');
      else
        assert.ok(now.serial >= now.wantedSerial, 'nothing runs only if the run that was asked for is over');
    }),
    { numRuns: 2000 },
  );
});

test('while something is going on, only a start that is not wanted any more is broken off', () => {
  fc.assert(
    fc.property(state, fc.constantFrom('start', 'finish', 'act', 'remove', 'prepare'), (now, busy) => {
      const action = plan(podOf(now), { ...now.observed, busy: busy as Observed['busy'] });
      const unwanted = now.deleted || now.wanted === 'stopped' || now.wanted === 'created';
      assert.equal(action.do, busy === 'start' && unwanted ? 'abort' : 'nothing');
    }),
  );
});

test('what sleeps and is not needed is left asleep, and what is used is not sent to sleep', () => {
  fc.assert(
    fc.property(state, (now) => {
      const { do: action } = plan(podOf(now), now.observed);
      const { run, asleep, callers, drowsy } = now.observed;
      if (action === 'sleep') assert.ok(run && drowsy && callers === 0 && now.wanted === 'running');
      if (action === 'discard') assert.ok(asleep && !asleep.precious && now.deleted);
      if (action !== 'wake') return;
      const renamed = asleep?.name !== undefined && asleep.name !== sample.meta.name;
      assert.ok(now.deleted || asleep?.knocked || callers > 0 || now.wanted !== 'running' || renamed);
    }),
  );
});
