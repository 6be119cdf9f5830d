import type { Readable, Writable } from 'node:stream';
import { KraudError } from '@kraud/base';
import type {
  ArchivePutOptions,
  Change,
  HostApi,
  ImageConfig,
  OutputEntry,
  OutputQuery,
  PathStat,
  ProcessInfo,
  StatsSample,
  TerminalSize,
} from '@kraud/host';
import type { Pod, Resources, RestartPolicy, WhyAnswer } from '@kraud/macro';
import type { Caller, PodDraft, Pods, WaitCondition } from '../contract.ts';
import type { EventRecorder } from '../events.ts';
import type { ImageFinder } from '../images/find.ts';
import { refuseDigest } from '../images/images.ts';
import type { ImageNames } from '../images/names.ts';
import { fullName } from '../images/reference.ts';
import type { CloudParts } from '../parts.ts';
import { createPod } from './create.ts';
import { findPod, isUp, mainContainer, mustRun } from './find.ts';
import { killPod, sigkill } from './kill.ts';
import { pausePod, unpausePod } from './pause.ts';
import { placed } from './placed.ts';
import { removePod } from './remove.ts';
import { renamePod } from './rename.ts';
import { restartPod } from './restart.ts';
import { sleepPod, wakePod } from './sleep.ts';
import { startPod } from './start.ts';
import { type StopOptions, stopPod } from './stop.ts';
import { unlinkPod } from './unlink.ts';
import { updatePod } from './update.ts';
import { waitPod } from './wait.ts';
import { whyPod } from './why.ts';

/** The door to the operations beside this file, with the events that each is known by. */
export class PodUseCases implements Pods {
  readonly #parts: CloudParts;
  readonly #images: ImageFinder;
  readonly #names: ImageNames;
  readonly #events: EventRecorder;

  constructor(parts: CloudParts, images: ImageFinder, names: ImageNames, events: EventRecorder) {
    this.#parts = parts;
    this.#images = images;
    this.#names = names;
    this.#events = events;
  }

  async create(caller: Caller, draft: PodDraft): Promise<{ pod: Pod; warnings: string[] }> {
    const { pod, warnings, madeVolumes } = await createPod(this.#parts, this.#images, caller, draft);
    for (const name of madeVolumes) await this.#events.volume(caller, 'create', name, { driver: 'local' });
    await this.#events.pod(caller, 'create', pod);
    return { pod, warnings };
  }

  get(caller: Caller, ref: string): Promise<Pod> {
    return Promise.try(() => findPod(this.#parts, caller, ref));
  }

  list(caller: Caller): Promise<Pod[]> {
    return Promise.resolve(this.#parts.pods.list(caller.tenant));
  }

  why(caller: Caller, ref: string): Promise<WhyAnswer & { name: string }> {
    return Promise.try(() => whyPod(this.#parts, caller, ref));
  }

  async sleep(caller: Caller, ref: string): Promise<void> {
    await sleepPod(this.#parts, caller, ref);
  }

  async wake(caller: Caller, ref: string): Promise<void> {
    await wakePod(this.#parts, caller, ref);
  }

  start(caller: Caller, ref: string): Promise<Pod> {
    return startPod(this.#parts, caller, ref);
  }

  async stop(caller: Caller, ref: string, options: StopOptions): Promise<void> {
    const pod = findPod(this.#parts, caller, ref);
    await stopPod(this.#parts, caller, ref, options, this.#signalled(caller));
    await this.#events.pod(caller, 'stop', pod);
  }

  async restart(caller: Caller, ref: string, options: StopOptions): Promise<void> {
    const pod = findPod(this.#parts, caller, ref);
    await restartPod(this.#parts, caller, ref, options, {
      signalled: this.#signalled(caller),
      stopped: () => this.#events.pod(caller, 'stop', pod),
    });
    await this.#events.pod(caller, 'restart', pod);
  }

  async kill(caller: Caller, ref: string, signal: string): Promise<void> {
    await killPod(this.#parts, caller, ref, signal, this.#signalled(caller));
  }

  async pause(caller: Caller, ref: string): Promise<void> {
    await pausePod(this.#parts, caller, ref);
    await this.#events.pod(caller, 'pause', findPod(this.#parts, caller, ref));
  }

  async unpause(caller: Caller, ref: string): Promise<void> {
    await unpausePod(this.#parts, caller, ref);
    await this.#events.pod(caller, 'unpause', findPod(this.#parts, caller, ref));
  }

  async rename(caller: Caller, ref: string, name: string): Promise<void> {
    const old = findPod(this.#parts, caller, ref);
    await renamePod(this.#parts, caller, ref, name);
    const pod = findPod(this.#parts, caller, old.meta.uid);
    await this.#events.pod(caller, 'rename', pod, { oldName: `/${old.meta.name}` });
  }

  async update(
    caller: Caller,
    ref: string,
    change: { resources?: Resources; restart?: RestartPolicy; cpus?: number },
  ): Promise<{ warnings: string[] }> {
    const result = await updatePod(this.#parts, caller, ref, change);
    await this.#events.pod(caller, 'update', findPod(this.#parts, caller, ref));
    return result;
  }

  unlink(caller: Caller, ref: string, alias: string): Promise<void> {
    return unlinkPod(this.#parts, caller, ref, alias);
  }

  async remove(caller: Caller, ref: string, options: { force: boolean; volumes: boolean }): Promise<void> {
    const pod = findPod(this.#parts, caller, ref);
    if (options.force && isUp(pod)) await this.#signalled(caller)(pod, sigkill);
    await removePod(this.#parts, caller, ref, options);
  }

  async prune(
    caller: Caller,
    matches: (pod: Pod) => boolean,
  ): Promise<{ removed: string[]; freedBytes: number }> {
    const removed: string[] = [];
    let freedBytes = 0;
    for (const pod of this.#parts.pods.list(caller.tenant)) {
      const { phase } = pod.status;
      if ((phase !== 'exited' && phase !== 'created' && phase !== 'dead') || !matches(pod)) continue;
      const { writableBytes } = await this.size(caller, pod.meta.uid);
      try {
        await removePod(this.#parts, caller, pod.meta.uid, { force: false, volumes: false });
      } catch (error) {
        if (error instanceof KraudError && (error.code === 'conflict' || error.code === 'not-found'))
          continue;
        throw error;
      }
      removed.push(pod.meta.uid);
      freedBytes += writableBytes;
    }
    await this.#events.pruned(caller, 'container', freedBytes);
    return { removed, freedBytes };
  }

  wait(
    caller: Caller,
    ref: string,
    condition: WaitCondition,
    options: { ready?: () => void; signal: AbortSignal },
  ): Promise<{ exitCode: number; error: string }> {
    return waitPod(this.#parts, caller, ref, condition, options);
  }

  async output(
    caller: Caller,
    ref: string,
    query: OutputQuery,
    signal: AbortSignal,
  ): Promise<AsyncIterable<OutputEntry>> {
    const { pod, host, container } = await this.#at(caller, ref);
    return await host.output(pod.meta.uid, container, query, signal);
  }

  async stdin(caller: Caller, ref: string): Promise<Writable> {
    const { pod, host, container } = await this.#at(caller, ref);
    return await host.stdin(pod.meta.uid, container);
  }

  async resize(caller: Caller, ref: string, size: TerminalSize): Promise<void> {
    const { pod, host, container } = await this.#at(caller, ref);
    if (!isUp(pod)) throw new KraudError('conflict', `container ${pod.meta.uid} is not running`);
    // As dockerd: without a terminal there is nothing to do.
    if (mainContainer(pod).tty) await host.resize(pod.meta.uid, container, size);
  }

  async stats(caller: Caller, ref: string): Promise<StatsSample> {
    const { pod, host, container } = await this.#at(caller, ref);
    return await host.stats(pod.meta.uid, container);
  }

  async top(caller: Caller, ref: string): Promise<ProcessInfo[]> {
    const { pod, host, container } = await this.#at(caller, ref);
    if (!isUp(pod)) throw new KraudError('conflict', `container ${pod.meta.uid} is not running`);
    return await host.top(mustRunOrPaused(pod).meta.uid, container);
  }

  async changes(caller: Caller, ref: string): Promise<Change[]> {
    const { pod, host, container } = await this.#at(caller, ref);
    return await host.changes(pod.meta.uid, container);
  }

  async archiveStat(caller: Caller, ref: string, path: string): Promise<PathStat> {
    const { pod, host, container } = await this.#at(caller, ref);
    return await host.archiveStat(pod.meta.uid, container, path);
  }

  async archiveGet(
    caller: Caller,
    ref: string,
    path: string,
    signal: AbortSignal,
  ): Promise<{ stat: PathStat; tar: Readable }> {
    const { pod, host, container } = await this.#at(caller, ref);
    return await host.archiveGet(pod.meta.uid, container, path, signal);
  }

  async archivePut(
    caller: Caller,
    ref: string,
    path: string,
    tar: Readable,
    options: ArchivePutOptions,
  ): Promise<void> {
    const { pod, host, container } = await this.#at(caller, ref);
    // Files go over to the container's user where it has one; else they stay whose they are.
    const copyUidGid = options.copyUidGid && mainContainer(pod).user !== '';
    await host.archivePut(pod.meta.uid, container, path, tar, { ...options, copyUidGid });
    await this.#events.pod(caller, 'extract-to-dir', pod);
  }

  async export(caller: Caller, ref: string, signal: AbortSignal): Promise<Readable> {
    const { pod, host, container } = await this.#at(caller, ref);
    const tar = await host.export(pod.meta.uid, container, signal);
    await this.#events.pod(caller, 'export', pod);
    return tar;
  }

  async size(caller: Caller, ref: string): Promise<{ writableBytes: number; rootBytes: number }> {
    if (findPod(this.#parts, caller, ref).spec.host === undefined) return { writableBytes: 0, rootBytes: 0 };
    const { pod, host, container } = await this.#at(caller, ref);
    return await host.size(pod.meta.uid, container);
  }

  async commit(
    caller: Caller,
    ref: string,
    options: {
      reference?: string;
      pause: boolean;
      author: string;
      message: string;
      changes: string[];
      config?: ImageConfig;
    },
  ): Promise<string> {
    const tags = options.reference ? [fullName(refuseDigest(options.reference))] : [];
    const { pod, host, container } = await this.#at(caller, ref);
    const id = await host.commit(pod.meta.uid, container, options);
    const facts = await this.#images.facts(id);
    await this.#names.add(caller, id, facts.sizeBytes, { tags });
    await this.#events.pod(caller, 'commit', pod, {
      comment: options.message,
      imageID: id,
      imageRef: tags[0] ?? '',
    });
    return id;
  }

  #signalled(caller: Caller): (pod: Pod, signal: number) => Promise<void> {
    return (pod, signal) => this.#events.pod(caller, 'kill', pod, { signal: String(signal) });
  }

  async #at(caller: Caller, ref: string): Promise<{ pod: Pod; host: HostApi; container: string }> {
    const pod = await placed(this.#parts, findPod(this.#parts, caller, ref));
    return { pod, host: this.#parts.hostOf(pod.spec.host), container: mainContainer(pod).name };
  }
}

const mustRunOrPaused = (pod: Pod): Pod => (pod.status.phase === 'paused' ? pod : mustRun(pod));
