import { FakeClock, type Logger, messageOf, SeededRandom, silentLogger } from '@kraud/base';
import { Binder } from '../controllers/binder.ts';
import { runDisplacement } from '../controllers/displace-controller.ts';
import { displacementOf } from '../controllers/index.ts';
import type { Host, Pod } from '../model/index.ts';
import { Tables } from '../resources/tables.ts';
import { openMemoryStore } from '../store/memory/open.ts';
import { drawHost } from './draw.ts';
import { ModelHosts } from './hosts.ts';
import { violations } from './invariants.ts';
import type { SimulationOptions } from './options.ts';
import { drawStep } from './steps.ts';

/** Turns in which nothing was written, after which nothing more will come of itself. */
const quietTurns = 8;
const roundsMax = 200;
/** Revisions in a row without a quiet moment that are taken for a loop without end. */
const busyTurnsMax = 2000;

export interface Report {
  readonly steps: Readonly<Record<string, number>>;
  readonly arrivals: number;
  readonly starts: number;
  readonly displaced: number;
  readonly pending: number;
  readonly running: number;
  /** What didn't hold, with the step after which it was found. */
  readonly faults: readonly string[];
}

/**
 * A model fleet on which the scheduler and its executor do their real work: pods come and end, hosts fail, are drained
 * and tainted, use rises and falls. After every step it must have settled in a state that breaks no rule. The same
 * options, the same course.
 */
export class Simulation {
  readonly options: SimulationOptions;
  readonly clock = new FakeClock();
  readonly tables: Tables;
  readonly hosts: ModelHosts;
  arrivals = 0;
  readonly #store;
  readonly #random: SeededRandom;
  readonly #faults: string[] = [];

  constructor(options: SimulationOptions) {
    this.options = options;
    this.#random = new SeededRandom(options.seed);
    this.#store = openMemoryStore({ clock: this.clock, random: new SeededRandom(options.seed) });
    this.tables = new Tables({ store: this.#store, clock: this.clock, logger: silentLogger });
    this.hosts = new ModelHosts(this.tables);
  }

  pods(): Pod[] {
    const live = this.tables.pods.everywhere().filter((pod) => pod.meta.deletedAt === undefined);
    return live.sort((a, b) => (a.meta.uid < b.meta.uid ? -1 : 1));
  }

  readyHosts(): Host[] {
    const ready = this.tables.hosts.everywhere().filter((host) => host.status.ready);
    return ready.sort((a, b) => (a.meta.name < b.meta.name ? -1 : 1));
  }

  isReady(host: string | undefined): boolean {
    return this.readyHosts().some(({ meta }) => meta.name === host);
  }

  async run(): Promise<Report> {
    const stop = new AbortController();
    const running = [this.tables.run(stop.signal)];
    await this.tables.ready();
    for (let i = 0; i < this.options.hosts; i += 1) await this.tables.hosts.create(drawHost(this.#random, i));
    const parts = { tables: this.tables, clock: this.clock, logger: this.#logger() };
    running.push(new Binder(parts).run(stop.signal), runDisplacement(parts, stop.signal));
    const steps: Record<string, number> = {};
    const displacements = new Set<string>();
    for (let number = 1; number <= this.options.steps && this.#faults.length === 0; number += 1) {
      const before = new Map(this.tables.pods.everywhere().map((pod) => [pod.meta.uid, pod]));
      const step = drawStep(this.#random);
      steps[step.name] = (steps[step.name] ?? 0) + 1;
      await step.run(this, this.#random);
      await this.#settle().catch((error: unknown) => {
        this.#faults.push(`step ${number}, ${step.name}: ${messageOf(error)}`);
      });
      const seen = { hosts: this.tables.hosts.everywhere(), pods: this.tables.pods.everywhere(), before };
      const found = [...violations(seen), ...this.hosts.faults];
      this.#faults.push(...found.map((fault) => `step ${number}, ${step.name}: ${fault}`));
      for (const pod of seen.pods) {
        const displacement = displacementOf(pod);
        if (displacement) displacements.add(`${pod.meta.uid} ${displacement.at}`);
      }
    }
    stop.abort();
    await Promise.all(running);
    const pods = this.pods();
    await this.#store.close();
    return {
      steps,
      arrivals: this.arrivals,
      starts: this.hosts.starts,
      displaced: displacements.size,
      pending: pods.filter((pod) => pod.spec.host === undefined).length,
      running: pods.filter((pod) => pod.status.phase === 'running').length,
      faults: this.#faults,
    };
  }

  /** Until neither the controllers nor the hosts have anything to do. */
  async #settle(): Promise<void> {
    for (let round = 0; round < roundsMax; round += 1) {
      await this.#quiet();
      if (!(await this.hosts.act())) return;
    }
    this.#faults.push('it never settles');
  }

  async #quiet(): Promise<void> {
    for (let turns = 0, last = -1, all = 0; turns < quietTurns; all += 1) {
      if (all > busyTurnsMax) throw new Error('the controllers never come to rest');
      const revision = await this.#store.revision();
      turns = revision === last ? turns + 1 : 0;
      last = revision;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** A controller that has to try again has met a bug: nothing else can fail here. */
  #logger(): Logger {
    const fail = (fields: unknown): void => {
      this.#faults.push(`a controller failed: ${JSON.stringify(fields)}`);
    };
    const logger: Logger = { ...silentLogger, warn: fail, error: fail, child: () => logger };
    return logger;
  }
}
