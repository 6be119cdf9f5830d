import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { newWorkloadStatus, type Workload, type WorkloadMode, workloadFinalizer } from '../model/index.ts';
import { sampleMeta } from '../model/samples.ts';
import { nextForCron } from './cron.ts';
import { checkSchedule, lastTime, nextTime } from './schedule.ts';
import { sampleSpec } from './sim.ts';

type Cron = Extract<WorkloadMode, { type: 'cron' }>;

const startMs = Date.parse('2026-01-01T00:00:30.000Z');
const every5: Cron = {
  type: 'cron',
  schedule: '*/5 * * * *',
  suspended: false,
  overlap: 'allow',
  succeededKept: 2,
  failedKept: 1,
  completions: 1,
  parallelism: 1,
};

/** A cron workload with its jobs, and a log: `5:00 make` is at minute 5. */
class CronSim {
  workload: Workload;
  jobs: Workload[] = [];
  nowMs = startMs;
  readonly log: string[] = [];

  constructor(mode: Partial<Cron>) {
    const meta = sampleMeta('Workload', 'tick', {
      createdAt: new Date(startMs).toISOString(),
      finalizers: [workloadFinalizer],
    });
    const spec = sampleSpec({ mode: { ...every5, ...mode } });
    this.workload = { kind: 'Workload', meta, spec, status: newWorkloadStatus(), given: {} };
  }

  /** With `dies`, after the first write. */
  look(dies = false): void {
    const { mode } = this.workload.spec;
    if (mode.type !== 'cron') return;
    const plan = nextForCron({ workload: this.workload, jobs: this.jobs, nowMs: this.nowMs }, mode);
    for (const job of plan.create) {
      if (this.jobs.some(({ meta }) => meta.name === job.meta.name)) continue;
      this.jobs.push(job);
      this.#tell(`make ${job.meta.name.replace(/^tick-/, '')}`);
      if (dies) return;
    }
    for (const { meta } of plan.remove) {
      this.jobs = this.jobs.filter((job) => job.meta.uid !== meta.uid);
      this.#tell(`remove ${meta.name.replace(/^tick-/, '')}`);
    }
    if (plan.status.message !== this.workload.status.message && plan.status.message !== '') {
      this.#tell(plan.status.message);
    }
    this.workload = { ...this.workload, status: plan.status };
  }

  pass(minutes: number): void {
    for (let half = 0; half < minutes * 2; half += 1) {
      this.nowMs += 30_000;
      this.look();
    }
  }

  /** All jobs end so. */
  end(givenUp: Record<string, string> = {}): void {
    this.jobs = this.jobs.map((job) => {
      const succeeded = Object.keys(givenUp).length > 0 ? 0 : 1;
      return { ...job, status: { ...job.status, generation: 1, desired: 1, succeeded, givenUp } };
    });
  }

  #tell(text: string): void {
    this.log.push(`${Math.floor((this.nowMs - startMs + 30_000) / 60_000)}: ${text}`);
  }
}

const minuteZero = Math.floor(startMs / 60_000);
const name = (minute: number): string => String(minuteZero + minute);

describe('cron', () => {
  test('a job at each time, named by it; old ones go', () => {
    const sim = new CronSim({});
    for (let run = 0; run < 4; run += 1) {
      sim.pass(5);
      sim.end();
    }
    assert.deepEqual(sim.log, [
      `5: make ${name(5)}`,
      `10: make ${name(10)}`,
      `15: make ${name(15)}`,
      `16: remove ${name(5)}`,
      `20: make ${name(20)}`,
    ]);
    sim.end({ 1: 'it failed' });
    sim.look();
    assert.deepEqual(
      sim.jobs.map((job) => job.meta.name),
      [`tick-${name(20)}`],
    );
  });

  test('forbid waits for the one before, replace ends it, allow does neither', () => {
    const jobs = (overlap: Cron['overlap']): string[] => {
      const sim = new CronSim({ overlap });
      sim.pass(12);
      return sim.log;
    };
    assert.deepEqual(jobs('allow'), [`5: make ${name(5)}`, `10: make ${name(10)}`]);
    assert.deepEqual(jobs('replace'), [
      `5: make ${name(5)}`,
      `10: make ${name(10)}`,
      `10: remove ${name(5)}`,
    ]);
    assert.deepEqual(jobs('forbid'), [
      `5: make ${name(5)}`,
      `10: the run of 2026-01-01T00:10:00.000Z waits for tick-${name(5)} to end`,
    ]);
  });

  test('after a time away the last missed run is made good, unless its deadline is over', () => {
    for (const [startingDeadlineMs, log] of [
      [undefined, `23: make ${name(20)}`],
      [60_000, '23: the run of 2026-01-01T00:20:00.000Z was missed'],
    ] as const) {
      const sim = new CronSim(startingDeadlineMs === undefined ? {} : { startingDeadlineMs });
      sim.nowMs += 23 * 60_000 - 30_000;
      sim.look();
      sim.look();
      assert.deepEqual(sim.log, [log]);
    }
  });

  test('suspended: nothing is made', () => {
    const sim = new CronSim({ suspended: true });
    sim.pass(20);
    assert.deepEqual(sim.log, []);
  });

  test('killed after any write, no run is made twice', () => {
    const sim = new CronSim({});
    sim.nowMs += 5 * 60_000;
    sim.look(true);
    sim.end();
    sim.look();
    sim.look();
    assert.deepEqual(sim.log, [`5: make ${name(5)}`]);
  });

  test('its jobs go with it', () => {
    const sim = new CronSim({});
    sim.pass(6);
    sim.workload.meta = { ...sim.workload.meta, deletedAt: '2026-01-01T00:06:00.000Z' };
    sim.look();
    assert.deepEqual(sim.log.slice(1), [`6: remove ${name(5)}`, '6: being removed']);
  });
});

describe('a schedule', () => {
  const berlin = { schedule: '30 2 * * *', timeZone: 'Europe/Berlin' };
  const times = (first: string, count: number): string[] => {
    const all: string[] = [];
    let ms = Date.parse(first);
    for (let run = 0; run < count; run += 1) {
      ms = nextTime(berlin, ms) ?? Number.NaN;
      all.push(new Date(ms).toISOString());
    }
    return all;
  };

  test('where the clock is set forward or back, each day has one run', () => {
    assert.deepEqual(times('2026-03-27T12:00:00Z', 3), [
      '2026-03-28T01:30:00.000Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ]);
    assert.deepEqual(times('2026-10-23T12:00:00Z', 3), [
      '2026-10-24T00:30:00.000Z',
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ]);
  });

  test('day of month and day of week: either will do, as crontab has it', () => {
    const next = nextTime({ schedule: '0 0 13 * 5' }, Date.parse('2026-01-10T00:00:00Z'));
    assert.equal(next, Date.parse('2026-01-13T00:00:00Z'));
  });

  test('what can not be read is refused', () => {
    for (const schedule of ['* * * *', '* * * * * *', '61 * * * *', 'now']) {
      assert.throws(() => checkSchedule({ schedule }), { code: 'invalid' });
    }
    assert.throws(() => checkSchedule({ schedule: '* * * * *', timeZone: 'Nowhere/At' }), {
      code: 'invalid',
    });
    assert.equal(nextTime({ schedule: '0 0 31 2 *' }, 0), undefined);
  });

  test('the last time and the next one enclose any moment', () => {
    const schedule = fc.constantFrom('*/5 * * * *', '17 3 * * *', '0 0 1 * *', '30 2 * * 0');
    const property = fc.property(schedule, fc.nat(2 ** 31), (text, second) => {
      const nowMs = 1_600_000_000_000 + second * 10;
      const last = lastTime({ schedule: text }, nowMs) ?? Number.NaN;
      const next = nextTime({ schedule: text }, nowMs) ?? Number.NaN;
      assert.ok(last <= nowMs && nowMs < next);
      assert.equal(nextTime({ schedule: text }, last), next);
    });
    fc.assert(property, { numRuns: 50 });
  });
});
