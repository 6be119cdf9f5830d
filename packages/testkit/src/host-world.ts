import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Clock, type Logger, newId, SeededRandom, silentLogger, systemClock } from '@kraud/base';
import { HostAgent, type HostLimits, hostLimits, podTableOf } from '@kraud/host';
import { type Container, openMemoryStore, type Pod, type PodSpec, Tables } from '@kraud/macro';
import { sampleContainer, samplePod } from '@kraud/macro/samples';
import { FakeCradle } from './fake-cradle.ts';
import { FakeImages } from './fake-images.ts';
import type { FakePrograms } from './fake-machine.ts';
import { FakeNetwork } from './fake-network.ts';
import { FakeVolumes } from './fake-volumes.ts';
import { CrashPoint, crashable } from './live.ts';

const hostName = 'alpha';
const key = (name: string) => ({ tenant: 'default', namespace: 'default', name });

/** What tests wait for at most. */
const patienceMs = 10_000;

export interface HostWorldOptions {
  readonly programs?: FakePrograms;
  readonly limits?: Partial<HostLimits>;
  readonly seed?: number;
  readonly logger?: Logger;
}

/**
 * One host with a real state engine in memory, a real host agent, and everything below that faked. The agent can
 * be killed at any point and begun again; VMs, store and files go on.
 */
export class HostWorld implements AsyncDisposable {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'kraud-host-'));
  readonly cradle: FakeCradle;
  readonly network = new FakeNetwork();
  readonly volumes = new FakeVolumes();
  readonly images: FakeImages;
  /** Secrets and configs, by `Secret NAME` and `Config NAME`. */
  readonly fileSources = new Map<string, Buffer>();
  readonly tables: Tables;
  /** Real time, by timers that don't keep the process: what a killed agent still waits for must not. */
  readonly #clock: Clock = {
    ...systemClock,
    sleep: (ms, signal) => delay(ms, undefined, { ref: false, ...(signal ? { signal } : {}) }),
  };
  readonly #alive = setInterval(() => {}, 60_000);
  #point = new CrashPoint();
  readonly #random: SeededRandom;
  readonly #limits: HostLimits;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #agent: HostAgent | undefined;

  constructor(options: HostWorldOptions = {}) {
    this.cradle = new FakeCradle(options.programs ?? {});
    this.images = new FakeImages(join(this.dataDir, 'images'));
    this.#logger = options.logger ?? silentLogger;
    this.#random = new SeededRandom(options.seed ?? 1);
    this.#limits = {
      ...hostLimits,
      toolboxIdleMs: 1,
      killGraceMs: 200,
      adoptTimeoutMs: 200,
      ...options.limits,
    };
    const store = openMemoryStore({ clock: this.#clock });
    this.tables = new Tables({ store, clock: this.#clock, logger: silentLogger });
    this.#running = this.tables.run(this.#stop.signal);
  }

  get agent(): HostAgent {
    if (!this.#agent) throw new Error('the agent has not been started');
    return this.#agent;
  }

  /** Its end is a crash too: who boots again after one looks here before. */
  get ended(): boolean {
    return this.#stop.signal.aborted;
  }

  /** A new daemon's agent. The one before must have been stopped or have crashed. */
  async boot(point = new CrashPoint()): Promise<HostAgent> {
    if (this.ended) throw new Error('this world has ended');
    await this.tables.ready();
    const agent = new HostAgent({
      name: hostName,
      dataDir: this.dataDir,
      pods: crashable(podTableOf(this.tables.pods, hostName), point),
      cradle: crashable(this.cradle, point),
      images: crashable(this.images, point),
      fetchImage: async () => {},
      network: crashable(this.network, point),
      networks: {
        spec: async (tenant, name) => ({ tenant, name }),
        hold: async () => {},
        release: async () => {},
        grow: async () => false,
      },
      volumes: crashable(this.volumes, point),
      placeVolume: async () => {},
      fileSources: { bytes: async (source, name) => this.fileSources.get(`${source} ${name}`) },
      liveness: { mayRun: async () => {}, firedSince: () => false },
      clock: crashable({ ...this.#clock }, point),
      random: this.#random,
      logger: this.#logger,
      limits: this.#limits,
    });
    this.#agent = agent;
    this.#point = point;
    await Promise.race([agent.start(), point.crashed]);
    return agent;
  }

  async create(
    name: string,
    args: string[],
    more: { spec?: Partial<PodSpec>; container?: Partial<Container> } = {},
  ): Promise<Pod> {
    const createdAt = new Date(this.#clock.now()).toISOString();
    const image = { name: 'app', id: `sha256:${'a'.repeat(64)}` };
    return await this.tables.pods.create(
      samplePod(name, {
        meta: { uid: newId(this.#random), finalizers: ['host'], createdAt },
        spec: {
          containers: [sampleContainer({ image, args, ...more.container })],
          writableBytes: 1,
          host: hostName,
          ...more.spec,
        },
      }),
    );
  }

  /** Asks for one more run, as the use case does. */
  async start(name: string): Promise<number> {
    const pod = await this.want(name, 'running', 1);
    return pod.spec.run.serial;
  }

  /** Changes what is wanted, without waiting for it. */
  async want(
    name: string,
    wanted: Pod['spec']['run']['wanted'],
    runs = 0,
    stop: Pod['spec']['run']['stop'] = {},
  ): Promise<Pod> {
    return await this.tables.pods.mutate(key(name), (pod) => {
      const serial = pod.spec.run.serial + runs;
      const run = { wanted, serial, stop, stoppedByUser: wanted === 'stopped' };
      return { ...pod, spec: { ...pod.spec, run } };
    });
  }

  async remove(name: string): Promise<void> {
    await this.tables.pods.delete(key(name));
  }

  pod(name: string): Pod | undefined {
    return this.tables.pods.get(key(name));
  }

  /** The pod once `holds` is true of it (undefined: it is gone). */
  async until(name: string, holds: (pod: Pod | undefined) => boolean): Promise<Pod | undefined> {
    const signal = AbortSignal.timeout(patienceMs);
    return await this.tables.pods.cache
      .waitFor(() => {
        const pod = this.pod(name);
        return holds(pod) ? { pod } : undefined;
      }, signal)
      .then(
        ({ pod }) => pod,
        () => {
          throw new Error(`pod ${name} stayed at ${JSON.stringify(this.pod(name)?.status, null, 1)}`);
        },
      );
  }

  async output(name: string): Promise<string> {
    const uid = this.pod(name)?.meta.uid ?? '';
    const query = { stdout: true, stderr: true, from: 'start', follow: 'no' } as const;
    let text = '';
    const entries = await this.agent.output(uid, 'main', query, AbortSignal.timeout(patienceMs));
    for await (const { data } of entries) text += data.toString();
    return text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#point.crash();
    clearInterval(this.#alive);
    await this.#running;
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}
