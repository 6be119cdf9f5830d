import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, newId, SeededRandom, silentLogger } from '@kraud/base';
import {
  anywhere,
  Controllers,
  EventLog,
  LeaseLeader,
  openMemoryStore,
  type Pod,
  ResourceClient,
  type Store,
  Tables,
} from '@kraud/macro';
import { samplePod } from '@kraud/macro/samples';
import { Heartbeat } from '../heartbeat.ts';
import { Liveness } from './liveness.ts';

const ttlMs = 15_000;
const names = ['alpha', 'beta', 'gamma', 'delta'];
const podsMax = 6;

/** What a host's daemon is made of can stop moving, be cut from the store, or end; its VMs and its fence are not in it. */
class Line {
  isOpen = true;
  #waiting: (() => void)[] = [];

  async through<T>(work: () => Promise<T>): Promise<T> {
    await this.whenOpen();
    const result = await work();
    await this.whenOpen();
    return result;
  }

  async whenOpen(): Promise<void> {
    while (!this.isOpen) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  open(): void {
    this.isOpen = true;
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** The store as seen over a line: when it is cut, answers and changes come late. */
function over(store: Store, line: Line): Store {
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'watch') {
        return async function* (...args: Parameters<Store['watch']>) {
          for await (const batch of target.watch(...args)) {
            await line.whenOpen();
            yield batch;
          }
        };
      }
      if (name === 'lease') {
        return (ms: number) =>
          line.through(async () => {
            const lease = await target.lease(ms);
            return { ...lease, keepAlive: () => line.through(() => lease.keepAlive()) };
          });
      }
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => line.through(() => value.apply(target, args) as Promise<unknown>);
    },
  });
}

/** A host whose VMs are names in a set. It runs what is bound to it, as the host agent does. */
class FakeHost {
  readonly line = new Line();
  readonly vms = new Set<string>();
  readonly #world: World;
  readonly #name: string;
  /** Of the fence, which goes by its own clock. */
  #untilMs = 0;
  #life = new AbortController();
  #ended = false;
  /** The daemon sees that its VMs have ended. */
  #onFired = (): void => {};

  constructor(world: World, name: string) {
    this.#world = world;
    this.#name = name;
    void this.#guard();
  }

  /** Starts a daemon. The one before is dead. */
  async boot(): Promise<void> {
    const { clock, random, store } = this.#world;
    const life = new AbortController();
    this.#life = life;
    const parts = { store: over(store, this.line), clock, logger: silentLogger };
    const tables = new Tables(parts);
    void tables.run(life.signal);
    await tables.ready();
    const liveness = new Liveness({
      ...parts,
      name: this.#name,
      instance: this.#name,
      ttlMs,
      fence: {
        hold: async (untilMs) => {
          this.#untilMs = Math.max(this.#untilMs, untilMs);
          return {};
        },
        end: async () => {},
        leave: async () => {},
      },
      caughtUp: (revision) => tables.pods.cache.reached(revision),
      bootMs: () => clock.monotonic(),
    });
    await liveness.start();
    if (life.signal.aborted) return;
    const facts = async () => ({
      cpus: 8,
      memoryBytes: 2 ** 36,
      architecture: 'amd64',
      kernel: '',
      operatingSystem: '',
      accelerator: { kind: 'tcg' as const, reason: '' },
    });
    const heartbeat = new Heartbeat({
      ...parts,
      name: this.#name,
      tenant: 'default',
      hosts: tables.hosts,
      facts: facts as never,
      intervalMs: 10_000,
      random,
    });
    await heartbeat.start();
    const act = (pod: Pod | undefined, uid: string): void => {
      void this.#act(pod, uid, tables, liveness, life.signal).catch(() => {});
    };
    liveness.onRegained(() => heartbeat.beatSoon());
    this.#onFired = () => {
      for (const pod of tables.pods.cache.list()) act(pod, pod.meta.uid);
    };
    tables.pods.cache.subscribe((changes) => {
      for (const { before, after } of changes) {
        const pod = after ?? before;
        if (pod && !life.signal.aborted) act(after, pod.meta.uid);
      }
    });
    await liveness.mayRun(life.signal);
    for (const uid of this.vms) if (!tables.pods.cache.byUid(uid)) this.vms.delete(uid);
    for (const pod of tables.pods.cache.list()) act(pod, pod.meta.uid);
    const controllers = new Controllers({
      ...parts,
      tables,
      events: new EventLog({ ...parts, random }),
      leader: new LeaseLeader('macro', this.#name, parts),
      dropVolume: async () => {},
      makeVolumes: async () => {},
      findImage: async () => false,
      endpointOf: () => undefined,
      self: { name: this.#name, heldSinceMs: () => liveness.heldSinceMs },
    });
    await controllers.run(life.signal);
  }

  kill(): void {
    this.#life.abort();
  }

  get isDead(): boolean {
    return this.#life.signal.aborted;
  }

  /** For good: the guard too. */
  end(): void {
    this.kill();
    this.#ended = true;
  }

  async #act(
    pod: Pod | undefined,
    uid: string,
    tables: Tables,
    live: Liveness,
    signal: AbortSignal,
  ): Promise<void> {
    if (pod?.spec.host !== this.#name) return void this.vms.delete(uid);
    const { run } = pod.spec;
    if (run.wanted === 'running' && run.serial > pod.status.serial) {
      await live.mayRun(signal);
      const present = tables.pods.cache.byUid(uid);
      if (present?.spec.host !== this.#name || present.spec.run.serial !== run.serial) return;
      this.#world.began(uid, this.#name);
      this.vms.add(uid);
      await this.#write(tables, pod, 'running', run.serial);
    } else if (pod.status.phase === 'running' && !this.vms.has(uid)) {
      await this.#write(tables, pod, 'exited', pod.status.serial);
    }
  }

  async #write(tables: Tables, pod: Pod, phase: 'running' | 'exited', serial: number): Promise<void> {
    const at = new Date(this.#world.clock.now()).toISOString();
    await tables.pods.mutate(pod.meta, (present) => {
      if (present.spec.host !== this.#name) return undefined;
      const startedAt = phase === 'running' ? at : (present.status.containers[0]?.startedAt ?? at);
      const ended = phase === 'exited' ? { finishedAt: at, exitCode: 137 } : { exitCode: 0 };
      present.status.phase = phase;
      present.status.serial = serial;
      present.status.containers = [
        { name: 'main', state: phase, startedAt, oomKilled: false, error: '', ...ended },
      ];
      return present;
    });
  }

  /** The fence: not a part of the daemon. */
  async #guard(): Promise<void> {
    const { clock } = this.#world;
    while (!this.#ended) {
      if (clock.monotonic() >= this.#untilMs && this.vms.size > 0) {
        this.vms.clear();
        if (!this.isDead) this.#onFired();
      }
      await clock.sleep(20);
    }
  }
}

class World {
  readonly clock = new FakeClock();
  readonly random: SeededRandom;
  readonly store: Store;
  readonly hosts: Map<string, FakeHost>;
  /** Pods that ran on two hosts. */
  readonly doubled: string[] = [];
  begun = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.store = openMemoryStore({ clock: this.clock, random: new SeededRandom(seed) });
    this.hosts = new Map(names.map((name) => [name, new FakeHost(this, name)]));
  }

  /** A run has begun. */
  began(uid: string, on: string): void {
    this.begun += 1;
    for (const [name, host] of this.hosts) {
      if (name !== on && host.vms.has(uid))
        this.doubled.push(`${uid.slice(0, 6)} begins on ${on} and runs on ${name}`);
    }
  }

  async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 100) {
      await this.clock.advance(Math.min(100, left));
      for (let turns = 0; turns < 3; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

function podOf(world: World, name: string): Pod {
  const createdAt = new Date(world.clock.now()).toISOString();
  return samplePod(name, {
    meta: { uid: newId(world.random), finalizers: ['host'], createdAt },
    spec: {
      networks: [],
      restart: { name: 'always', retriesMax: 0 },
      // Two to a host.
      placement: { ...anywhere, requests: { cpus: 3, memoryBytes: 0 } },
      run: { wanted: 'running', serial: 1, stoppedByUser: false },
    },
  });
}

/**
 * Hosts are cut off, paused, killed and started again at random, with their fences at work. No pod ever runs on two
 * of them, and in the end each runs on one.
 */
for (let seed = 1; seed <= 4; seed += 1) {
  test(`a pod never runs on two hosts, whatever becomes of them (seed ${seed})`, {
    timeout: 120_000,
  }, async () => {
    const world = new World(seed);
    const { random } = world;
    const all = [...world.hosts.values()];
    const boot = (host: FakeHost): void => {
      host.boot().catch((error: unknown) => {
        // A killed one may break off anywhere.
        if (!host.isDead) throw error;
      });
    };
    for (const host of all) boot(host);
    await world.advance(2_000);
    const client = new ResourceClient('Pod', { store: world.store, clock: world.clock });
    for (let n = 0; n < podsMax; n += 1) await client.create(podOf(world, `p${n}`));
    const settled = async (): Promise<boolean> => {
      const { resources } = await client.list();
      return resources.every(
        ({ meta, spec, status }) =>
          status.phase === 'running' && world.hosts.get(spec.host ?? '')?.vms.has(meta.uid) === true,
      );
    };
    const until = async (): Promise<void> => {
      for (let steps = 0; !(await settled()); steps += 1) {
        assert.ok(steps < 600, 'pods do not come back');
        await world.advance(500);
      }
    };
    await until();
    for (let turn = 0; turn < 16; turn += 1) {
      const host = all[random.below(all.length)];
      assert.ok(host);
      switch (random.below(3)) {
        case 0:
          host.line.isOpen = false;
          break;
        case 1:
          host.line.open();
          break;
        case 2:
          host.kill();
          await world.advance(random.below(20_000));
          host.line.open();
          boot(host);
          break;
      }
      await world.advance(random.below(25_000));
    }
    for (const host of all) host.line.open();
    await world.advance(90_000);
    await until();
    assert.deepEqual(world.doubled, []);
    assert.ok(world.begun > podsMax, 'hardly anything moved');
    for (const host of all) host.end();
    await world.advance(1_000);
  });
}
