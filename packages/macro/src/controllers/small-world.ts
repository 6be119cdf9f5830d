import { FakeClock, type Random, SeededRandom, silentLogger } from '@kraud/base';
import { EventLog } from '../events/event-log.ts';
import type { Pod } from '../model/index.ts';
import { sampleHost } from '../model/samples.ts';
import { Tables } from '../resources/tables.ts';
import type { Store } from '../store/contract.ts';
import { openMemoryStore } from '../store/memory/open.ts';
import { Controller } from './controller.ts';
import { Controllers } from './controllers.ts';
import { LeaseLeader } from './leader.ts';

/** A cloud for tests: a store in memory, a host that pretends to run pods, and controllers that can be killed. */
export class SmallWorld {
  readonly clock = new FakeClock();
  readonly store = openMemoryStore({ clock: this.clock, random: new SeededRandom(1) });
  readonly tables = new Tables({ store: this.store, clock: this.clock, logger: silentLogger });
  readonly random: Random;
  readonly #stop = new AbortController();
  #running: Promise<unknown>[] = [];

  constructor(seed = 1) {
    this.random = new SeededRandom(seed);
  }

  async start(): Promise<void> {
    this.#running.push(this.tables.run(this.#stop.signal));
    await this.tables.ready();
    await this.tables.hosts.create(sampleHost('alpha'));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
    await this.store.close();
  }

  /** Controllers over `store`, as one process has them. They end with the signal. */
  async controllers(signal: AbortSignal, store: Store = this.store): Promise<void> {
    const parts = { store, clock: this.clock, logger: silentLogger };
    const tables = new Tables(parts);
    const events = new EventLog({ ...parts, random: this.random });
    const leader = new LeaseLeader('controllers', 'alpha', parts);
    const dropVolume = async (volume: { meta: { tenant: string; namespace: string; name: string } }) =>
      await tables.volumes.delete(volume.meta);
    const makeVolumes = async (): Promise<void> => {};
    const controllers = new Controllers({
      ...parts,
      self: undefined,
      tables,
      events,
      leader,
      dropVolume,
      makeVolumes,
      findImage: async () => false,
      endpointOf: ({ given }) => (given.docker === undefined ? undefined : 'virtual'),
    });
    await Promise.all([tables.run(signal), controllers.run(signal)]);
  }

  /** Controllers for the life of the world. */
  runControllers(): void {
    this.#running.push(this.controllers(this.#stop.signal));
  }

  /** A host that starts what is bound to it; each run lasts `lastsMs` and ends with `code`. */
  runHost(run: (pod: Pod) => { lastsMs: number; code: number }, name = 'alpha'): void {
    const { pods } = this.tables;
    const host = new Controller({
      name: 'host',
      clock: this.clock,
      logger: silentLogger,
      reconcile: async (uid) => {
        const pod = pods.cache.byUid(uid);
        if (pod?.spec.host !== name) return undefined;
        if (pod.meta.deletedAt !== undefined) {
          await pods.mutate(pod.meta, (present) => ({
            ...present,
            meta: { ...present.meta, finalizers: [] },
          }));
        } else if (pod.spec.run.wanted === 'running' && pod.spec.run.serial > pod.status.serial) {
          await this.#begin(pod);
        } else if (pod.spec.run.wanted === 'stopped' && pod.status.phase === 'created') {
          await this.#end(pod, 0);
        } else if (pod.status.phase === 'running') {
          const leftMs =
            Date.parse(pod.status.containers[0]?.startedAt ?? '') + run(pod).lastsMs - this.clock.now();
          if (leftMs > 0 && pod.spec.run.wanted === 'running') return { againMs: leftMs };
          await this.#end(pod, run(pod).code);
        }
        return undefined;
      },
    });
    pods.cache.subscribe((changes) => {
      for (const { after } of changes) if (after) host.enqueue(after.meta.uid);
    });
    this.#running.push(host.run(this.#stop.signal));
  }

  /** Moves time on, a little at a time, until `done`. */
  async until(done: () => boolean | Promise<boolean>): Promise<void> {
    for (let steps = 0; !(await done()); steps += 1) {
      if (steps > 20_000) throw new Error('it never came about');
      await this.clock.advance(20);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** `start`, `die 1`, …: the events of a pod, in order. */
  async eventsOf(name: string): Promise<string[]> {
    const { entries } = await this.store.list('/event/');
    const specs = entries.map(
      (entry): { action: string; attributes: Record<string, string> } => JSON.parse(entry.value).spec,
    );
    return specs
      .filter(({ attributes }) => attributes.name === name)
      .map(({ action, attributes }) => (action === 'die' ? `die ${attributes.exitCode}` : action));
  }

  async #begin(pod: Pod): Promise<void> {
    const startedAt = new Date(this.clock.now()).toISOString();
    await this.tables.pods.mutate(pod.meta, (present) => {
      present.status.phase = 'running';
      present.status.serial = present.spec.run.serial;
      present.status.containers = [
        { name: 'main', state: 'running', startedAt, exitCode: 0, oomKilled: false, error: '' },
      ];
      return present;
    });
  }

  async #end(pod: Pod, exitCode: number): Promise<void> {
    const finishedAt = new Date(this.clock.now()).toISOString();
    await this.tables.pods.mutate(pod.meta, (present) => {
      present.status.phase = 'exited';
      for (const container of present.status.containers) {
        Object.assign(container, { state: 'exited', finishedAt, exitCode });
      }
      return present;
    });
  }
}
