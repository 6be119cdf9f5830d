import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { KraudError, type Logger, messageOf, systemClock, systemRandom } from '@kraud/base';
import { type Cloud, certificateTtlMsOf, createCloud, settleIngress } from '@kraud/cloud';
import { openCradle } from '@kraud/cradle';
import { type DockerApi, endpointOfService } from '@kraud/docker-api';
import {
  cloudImages,
  Heartbeat,
  HostAgent,
  type HostApi,
  hostCradle,
  podTableOf,
  ServiceFeed,
  UsageSampler,
} from '@kraud/host';
import { ImageStore } from '@kraud/images';
import { createKraApi } from '@kraud/kra-api';
import {
  Controllers,
  checkStoreIsWhole,
  defaultTenant,
  EventLog,
  LeaseLeader,
  type SharedHost,
  type Store,
  Tables,
} from '@kraud/macro';
import { LocalNetwork } from '@kraud/network';
import { LocalBlockVolumes } from '@kraud/volumes';
import { unpackArrival } from './arrival.ts';
import { ensureBasics } from './basics.ts';
import type { Config } from './config.ts';
import { fileSources } from './file-sources.ts';
import { guestFiles } from './guest-files.ts';
import { imageCopies } from './image-copies.ts';
import { ingressPorts } from './ingress-ports.ts';
import { claimDataDir, instanceId } from './instance.ts';
import { findPlace } from './join.ts';
import { HostLinks } from './link.ts';
import { startLiveness } from './liveness.ts';
import { FarPodsFollower } from './networks/far-pods.ts';
import { NetworkKeeper } from './networks/keeper.ts';
import { type OtherHosts, otherHosts } from './networks/other-hosts.ts';
import { SubnetBook } from './networks/subnet-book.ts';
import { agreesOnTime, Peers, trustsOf } from './peers.ts';
import { openStore } from './store.ts';
import { sweepImages } from './sweep-images.ts';
import { Transfer } from './transfer.ts';
import { version } from './version.ts';
import { volumePlaces } from './volume-places.ts';

/** Why a daemon ends, and what comes after it. */
export interface End {
  readonly reason: string;
  /** Another daemon follows at once, on what is on disk now. */
  readonly again: boolean;
  /** Pods go on, for the next daemon to take over. */
  readonly keepVms: boolean;
}

/** What outlasts a daemon. */
export interface DaemonParts {
  readonly api: DockerApi;
  readonly logger: Logger;
}

interface Part {
  readonly part: string;
  readonly stop: (end: Pick<End, 'keepVms'>) => Promise<void> | void;
}

/**
 * The whole of it, wired: the only place that knows every part. Parts start from the lowest up and stop in the
 * opposite order; what was started is stopped again when a later one fails.
 */
export class Daemon {
  readonly #stopping: Part[] = [];
  readonly #logger: Logger;
  readonly #api: DockerApi;
  readonly #ended = Promise.withResolvers<End>();

  private constructor({ api, logger }: DaemonParts) {
    this.#logger = logger;
    this.#api = api;
  }

  static async start(config: Config, parts: DaemonParts): Promise<Daemon> {
    const daemon = new Daemon(parts);
    try {
      await daemon.#start(config);
      return daemon;
    } catch (error) {
      await daemon.stop({ keepVms: true });
      throw error;
    }
  }

  /** Resolves when the daemon should end without having been asked to by a signal. */
  get ended(): Promise<End> {
    return this.#ended.promise;
  }

  async stop(end: Pick<End, 'keepVms'>): Promise<void> {
    for (const { part, stop } of this.#stopping.reverse()) {
      const startMs = systemClock.monotonic();
      try {
        await stop(end);
        const tookMs = Math.round(systemClock.monotonic() - startMs);
        this.#logger.debug({ part, tookMs }, 'stopped');
      } catch (error) {
        this.#logger.error({ part, error: messageOf(error) }, 'a part did not stop cleanly');
      }
    }
    this.#stopping.length = 0;
  }

  async #start(config: Config): Promise<void> {
    if (process.getuid?.() !== 0) throw new KraudError('forbidden', 'kraudd needs root, as dockerd does');
    const { dataDir } = config;
    const [clock, random, logger] = [systemClock, systemRandom, this.#logger];
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    const id = instanceId(dataDir);
    const release = await claimDataDir(dataDir, id);
    this.#stopped('data directory', release);

    const place = await findPlace(config, logger);
    const { name } = place;
    const store = await openStore(place.store, config.storeLimits, { clock, random, logger });
    this.#stopped('store', () => store.close());
    await checkStoreIsWhole(store);
    const tables = new Tables({ store, clock, logger });
    this.#background('caches', (signal) => tables.run(signal));
    await tables.ready();
    await ensureBasics(tables, { clock, random });
    await settleIngress({ ...tables, clock, random }, defaultTenant);
    const peers = await Peers.open(place, {
      store,
      limits: config.peers,
      certificateTtlMs: () => certificateTtlMsOf(tables),
      trusts: () => trustsOf(tables),
      agreesOnTime: () => agreesOnTime(tables, name, clock.now(), config.peers.clockSkewMs),
      clock,
      random,
      logger,
    });
    if (peers) this.#background('host identity', (signal) => peers.run(signal));
    void peers?.removed.then(() =>
      this.#ended.resolve({ reason: `${name} was removed from the cloud`, again: false, keepVms: true }),
    );

    const isShared = place.store.kind !== 'embedded';
    const live = { name, instance: id, isShared, store, tables, clock, logger };
    const liveness = await startLiveness(config, live);
    this.#stopped('host lease', () => liveness.stop());
    const guest = await guestFiles(config.cacheDir);
    const images = await ImageStore.open({
      dir: join(dataDir, 'images'),
      clock,
      random,
      logger,
      limits: config.images,
      registries: config.registries,
      // What warm slots are rehearsed with.
      rootfsFormat: 'erofs',
    });
    await unpackArrival(place, dataDir, { tables, limits: config.storeLimits, clock, random, logger });
    await sweepImages(tables, images);
    const links = new HostLinks({ name, tables, peers, limits: config.link, clock, random, logger });
    const { fetcher, keeper } = imageCopies({
      name,
      images,
      links,
      tables,
      limits: config.imageLink,
      clock,
      logger,
    });
    await keeper.look();
    const volumes = await LocalBlockVolumes.open({ dir: join(dataDir, 'volumes'), clock, random, logger });
    const network = await LocalNetwork.open({ instanceId: id, logger, random, limits: config.network });
    // Without a pod on it, it is made anew by the next start: nothing of ours stays in the kernel.
    let beside: OtherHosts | undefined;
    this.#stopped('network', async () => {
      const remove = network.attachments().length === 0;
      if (remove) await beside?.remove();
      await network.close({ remove });
    });
    const book = new SubnetBook({ dataDir, instanceId: id, logger });
    const networks = new NetworkKeeper({ tables, store, network, book, name, clock, logger });
    await networks.realizeDefaults();
    this.#stopped('networks', networks.follow());
    const cradle = openCradle({
      dataDir: join(dataDir, 'cradle'),
      cacheDir: config.cacheDir,
      guest,
      defaultSize: {
        vcpus: config.pods.vcpusDefault,
        memoryMiB: config.pods.memoryMiBDefault,
        hostPaths: false,
      },
      writableBytes: config.pods.writableBytesDefault,
      onSlot: ({ netnsPid, name: tap }) =>
        network.stage(defaultTenant, { netns: { pid: netnsPid }, name: tap }),
      limits: config.cradle,
      clock,
      random,
      logger,
    });
    const agent = new HostAgent({
      name,
      dataDir,
      pods: podTableOf(tables.pods, name),
      cradle: hostCradle(cradle),
      images,
      fetchImage: (image) => fetcher.ensure(image),
      network,
      networks,
      volumes,
      placeVolume: volumePlaces(name, tables, volumes),
      fileSources: fileSources(tables, { store, clock, logger }),
      liveness,
      clock,
      random,
      logger,
      limits: config.host,
    });
    // Before pods are taken over: they go on asking for names.
    const services = new ServiceFeed({ name, tables, network, logger });
    this.#background('services', (signal) => services.run(signal));
    const farPods = new FarPodsFollower({ name, tables, far: network.far });
    this.#stopped('pods of other hosts', farPods.follow());
    await agent.start();
    await networks.begin();
    this.#stopped('host agent', (end) => agent.stop(end));
    const { cacheDir } = config;
    beside = await otherHosts({
      ...{ name, instanceId: id, dataDir, cacheDir, isShared, tables, network, farPods },
      ...{ limits: config.network, clock, random, logger },
    });
    if (beside) {
      this.#background('tunnels', (signal) => beside.keeper.run(signal));
      agent.warnWith(() => beside.keeper.problems);
    }
    links.serve(agent);
    const hostOf = (wanted: string | undefined): HostApi =>
      wanted === undefined || wanted === name ? agent : links.to(wanted);
    const gates = ingressPorts({ name, tables, hostOf, limits: config.gates, clock, logger });
    agent.warnWith(() => gates.problems);
    this.#background('ingress ports', (signal) => gates.run(signal));
    await peers?.listen();
    this.#stopped('peer listener', () => peers?.close());
    const usage = new UsageSampler(() => tables.pods.cache.by('host', name), clock);
    const heartbeat = new Heartbeat({
      name,
      tenant: defaultTenant,
      hosts: tables.hosts,
      facts: () => agent.facts(),
      more: () => ({
        version,
        usage: usage.sample(),
        images: [...keeper.here],
        ...(peers ? { address: peers.address, trust: peers.trust } : {}),
        ...(isShared && beside ? { tunnel: beside.keeper.status } : {}),
      }),
      begins: peers?.arrival,
      intervalMs: config.host.heartbeatMs,
      clock,
      random,
      logger,
    });
    await heartbeat.start();
    liveness.onRegained(() => heartbeat.beatSoon());
    this.#stopped('heartbeat', () => heartbeat.stop());
    keeper.onChanged(() => heartbeat.beatSoon());
    beside?.keeper.onChanged(() => heartbeat.beatSoon());
    peers?.onRenewed(() => heartbeat.beatSoon());
    this.#background('image copies', (signal) => keeper.run(signal));

    const events = new EventLog({ store, clock, random });
    const cloud = createCloud(
      {
        pods: tables.pods,
        images: tables.images,
        volumes: tables.volumes,
        networks: tables.networks,
        tenants: tables.tenants,
        hosts: tables.hosts,
        hostName: name,
        membership: peers?.membership,
        place: new Transfer(config, place, {
          here: () => keeper.here,
          images: tables.images,
          end: (end) => this.#ended.resolve(end),
          clock,
          random,
          logger,
        }),
        workloads: tables.workloads,
        secrets: tables.secrets,
        configs: tables.configs,
        hostOf,
        imageContent: cloudImages({ here: agent.images, fetcher, others: (image) => links.others(image) }),
        chooseSubnet: (wanted, taken) => networks.chooseSubnet(wanted, taken),
        clock,
        random,
        logger,
        limits: config.pods,
        scheduler: config.scheduler,
        instanceId: id,
      },
      events,
    );
    const self = isShared ? { name, heldSinceMs: () => liveness.heldSinceMs } : undefined;
    this.#control(config, { id, self, store, tables, events, cloud });
    const { labels } = config.place;
    const caller = { tenant: defaultTenant, local: true };
    const { meta } = await cloud.hosts.update(caller, name, { ...peers?.arrival, labels });
    if (peers?.arrival) {
      const attributes = { name };
      await cloud.events.record(caller, { type: 'node', action: 'create', actor: meta.uid, attributes });
      await peers.arrived();
    }
    await this.#serve(config, cloud);
  }

  #control(
    config: Config,
    parts: {
      id: string;
      self: SharedHost | undefined;
      store: Store;
      tables: Tables;
      events: EventLog;
      cloud: Cloud;
    },
  ): void {
    const { id, self, store, tables, events, cloud } = parts;
    const [clock, logger] = [systemClock, this.#logger];
    const controllers = new Controllers({
      store,
      tables,
      events,
      self,
      limits: { hosts: config.hosts, scheduler: config.scheduler },
      // The data directory's lock vouches that an earlier daemon of this identity is dead.
      leader: new LeaseLeader('macro', id, { store, clock, logger }),
      dropVolume: async (volume) => {
        await cloud.volumes.remove({ tenant: volume.meta.tenant, local: false }, volume.meta.name, {
          force: true,
        });
      },
      makeVolumes: (pod) => cloud.volumes.makeFor(pod),
      findImage: (workload, signal) => cloud.workloads.findImage(workload, signal),
      endpointOf: endpointOfService,
      clock,
      logger,
    });
    this.#background('controllers', (signal) => controllers.run(signal));
  }

  async #serve(config: Config, cloud: Cloud): Promise<void> {
    const [logger, caller] = [this.#logger, { tenant: defaultTenant, local: true }];
    await this.#api.listen(config.dockerSocket);
    this.#api.serve({ cloud, caller, beside: [createKraApi({ cloud, caller, logger })] });
    this.#stopped('docker API', () => this.#api.pause());
  }

  /** `stop` is called when the daemon ends, or fails to start. */
  #stopped(part: string, stop: Part['stop']): void {
    this.#stopping.push({ part, stop });
  }

  /** Runs until `stop`, which waits for its end. A loop that ends by a failure is a bug; it is logged, not hidden. */
  #background(part: string, run: (signal: AbortSignal) => Promise<void>): void {
    const abort = new AbortController();
    const done = run(abort.signal).catch((error: unknown) => {
      this.#logger.error({ part, error: messageOf(error) }, 'a background loop ended');
    });
    this.#stopped(part, async () => {
      abort.abort();
      await done;
    });
  }
}
