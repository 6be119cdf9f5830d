import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { KraudError } from '@kraud/base';
import type { Pod, PodNetwork, Resources } from '@kraud/macro';
import { hostFacts } from './api/facts.ts';
import * as files from './api/files.ts';
import { hostImages } from './api/images.ts';
import { rejoin } from './api/networks.ts';
import { hostPorts } from './api/ports.ts';
import * as processes from './api/processes.ts';
import { hostVolumes } from './api/volumes.ts';
import type {
  ArchivePutOptions,
  Change,
  CommitOptions,
  ExecSession,
  ExecSpec,
  HostApi,
  HostFacts,
  HostImages,
  HostPorts,
  HostVolumes,
  OutputEntry,
  OutputQuery,
  PathStat,
  ProcessInfo,
  StatsSample,
  TerminalSize,
} from './contract.ts';
import type { HostParts } from './parts.ts';
import { type Adoptable, adoptHolds, adoptShares, LeftVm } from './pods/adopt.ts';
import { releaseHolds } from './pods/claim.ts';
import { PodOwner } from './pods/owner.ts';
import { PodFiles, podsDir } from './pods/pod-files.ts';
import { readRecord } from './pods/run-record.ts';
import { type ContainerStdin, stdinWritable } from './pods/stdin.ts';
import { ToolboxHolds } from './pods/toolbox-holds.ts';
import { Shares } from './shares/shares.ts';
import { Bedtime } from './sleep/bedtime.ts';
import { isAsleep, leftAsleep, type Sleeper } from './sleep/sleeper.ts';

/**
 * Makes true on this host what is bound to it, and reports what is. Each pod has one owner, made when the pod is first
 * seen and gone when nothing of the pod is left here.
 *
 * `start` takes up what an earlier daemon left running, sweeps what belongs to no pod, and then follows the
 * table. `stop({ keepVms: true })` leaves every VM to the next daemon, `stop({ keepVms: false })` ends them as a
 * user's stop does.
 */
export class HostAgent implements HostApi {
  readonly name: string;
  readonly images: HostImages;
  readonly volumes: HostVolumes;
  readonly ports: HostPorts;
  readonly #parts: HostParts;
  readonly #owners = new Map<string, PodOwner>();
  readonly #warnings: (() => readonly string[])[] = [];
  /** Pods whose VM an earlier daemon left, and which hasn't answered yet. */
  readonly #silent = new Set<string>();
  readonly #leaving = new AbortController();
  readonly #bedtime: Bedtime;
  #unsubscribe: () => void = () => {};
  #stopped = false;

  constructor(parts: Omit<HostParts, 'toolboxes' | 'shares' | 'awake'>) {
    this.name = parts.name;
    const awake = async (uid: string): Promise<void> => await this.#owners.get(uid)?.awake();
    this.#parts = { ...parts, toolboxes: new ToolboxHolds(), shares: new Shares(parts), awake };
    this.#bedtime = new Bedtime(parts, () => this.#owners.values());
    this.images = hostImages(parts.images);
    this.volumes = hostVolumes(parts.volumes);
    this.ports = hostPorts((uid) => this.#address(uid), parts.limits.connectTimeoutMs);
  }

  /** What else is amiss with this machine, asked whenever its facts are. */
  warnWith(source: () => readonly string[]): void {
    this.#warnings.push(source);
  }

  /** The cache of pods must be filled. Starts the cradle. */
  async start(): Promise<void> {
    const parts = this.#parts;
    await mkdir(podsDir(parts.dataDir), { recursive: true, mode: 0o700 });
    const kept = await parts.cradle.start({
      isAsleep: (uid) => isAsleep(readRecord(new PodFiles(parts.dataDir, uid).record)),
    });
    const left = kept.map((vm) => new LeftVm(parts, vm, this.#leaving.signal));
    await this.#promptly(left);
    const silent = left.filter(({ isSettled }) => !isSettled);
    const sleepers = await this.#leftAsleep();
    parts.network.onKnock((uid) => this.#owners.get(uid)?.knock());
    await adoptHolds(parts, left, sleepers);
    await this.#sweep();
    for (const vm of silent) {
      this.#silent.add(vm.uid);
      void vm.settled.then(() => this.#answered(vm));
    }
    for (const pod of parts.pods.list()) {
      if (this.#silent.has(pod.meta.uid)) continue;
      const { uid } = pod.meta;
      this.#adopt(pod, left.find((vm) => vm.uid === uid)?.adoptable, sleepers.get(uid));
    }
    this.#unsubscribe = parts.pods.subscribe((uid) => this.#podChanged(uid));
    this.#bedtime.begin();
    // What changed before the subscription is seen by asking once more.
    for (const pod of parts.pods.list()) this.#podChanged(pod.meta.uid);
  }

  async stop(options: { readonly keepVms: boolean }): Promise<void> {
    this.#unsubscribe();
    this.#stopped = true;
    this.#leaving.abort();
    await this.#bedtime.end();
    const owners = [...this.#owners.values()];
    for (const owner of owners) owner.close(options.keepVms ? 'leave' : 'stop');
    const finished = Promise.all(owners.map((owner) => owner.finished)).then(() => {});
    if (options.keepVms) {
      const done = new AbortController();
      const late = this.#parts.clock.sleep(this.#parts.limits.drainMs, done.signal).catch(() => {});
      await Promise.race([finished, late]);
      done.abort();
    } else {
      await finished;
    }
    this.#parts.shares.close();
    await this.#parts.cradle.close({ keepRunning: options.keepVms });
  }

  /** Most answer at once. Whoever doesn't keeps only its own pod waiting. */
  async #promptly(left: readonly LeftVm[]): Promise<void> {
    const done = new AbortController();
    const late = this.#parts.clock.sleep(this.#parts.limits.adoptPromptMs, done.signal).catch(() => {});
    await Promise.race([Promise.all(left.map(({ settled }) => settled)), late]);
    done.abort();
  }

  async #answered({ uid, adoptable }: LeftVm): Promise<void> {
    if (this.#stopped) return;
    if (!adoptable) await releaseHolds(this.#parts, uid);
    this.#silent.delete(uid);
    const pod = this.#parts.pods.byUid(uid) ?? adoptable?.pod;
    if (pod && !this.#stopped) this.#adopt(pod, adoptable);
  }

  #adopt(pod: Pod, adoptable: Adoptable | undefined, sleeper?: Sleeper): void {
    if (adoptable) adoptShares(this.#parts, adoptable);
    this.#own(
      new PodOwner(this.#parts, pod, { ...(adoptable && { adoptable }), ...(sleeper && { sleeper }) }),
    );
  }

  async #leftAsleep(): Promise<Map<string, Sleeper>> {
    const sleepers = new Map<string, Sleeper>();
    for (const pod of this.#parts.pods.list()) {
      const sleeper = await leftAsleep(this.#parts, pod);
      if (sleeper) sleepers.set(pod.meta.uid, sleeper);
    }
    return sleepers;
  }

  #podChanged(uid: string): void {
    if (this.#silent.has(uid)) return;
    const owner = this.#owners.get(uid);
    const pod = this.#parts.pods.byUid(uid);
    if (owner) owner.podChanged();
    else if (pod) this.#own(new PodOwner(this.#parts, pod));
  }

  #own(owner: PodOwner): void {
    this.#owners.set(owner.uid, owner);
    void owner.finished.then(() => {
      if (this.#owners.get(owner.uid) !== owner) return;
      this.#owners.delete(owner.uid);
      // Moved away and back while the owner took down what was here.
      if (!this.#stopped) this.#podChanged(owner.uid);
    });
  }

  /** Folders of pods that are no more. */
  async #sweep(): Promise<void> {
    const dir = podsDir(this.#parts.dataDir);
    for (const uid of await readdir(dir)) {
      if (!this.#parts.pods.byUid(uid)) await rm(join(dir, uid), { recursive: true, force: true });
    }
  }

  #owner(uid: string, container: string): PodOwner {
    this.#podSeen(uid);
    const owner = this.#owners.get(uid);
    if (!owner?.pod.spec.containers.some(({ name }) => name === container)) {
      throw new KraudError('not-found', `No such container: ${uid}`);
    }
    return owner;
  }

  #address(uid: string): string {
    this.#podSeen(uid);
    const pod = this.#owners.get(uid)?.pod;
    if (!pod) throw new KraudError('not-found', `No such container: ${uid}`);
    const address = pod.status.network?.ipv4;
    if (address === undefined) throw new KraudError('unavailable', `container ${uid} has no address now`);
    return address;
  }

  /** A caller may be ahead of our subscription. */
  #podSeen(uid: string): void {
    if (this.#silent.has(uid)) {
      throw new KraudError(
        'unavailable',
        `container ${uid} does not answer yet since the daemon was restarted`,
      );
    }
    if (!this.#owners.has(uid)) this.#podChanged(uid);
  }

  async output(
    uid: string,
    container: string,
    query: OutputQuery,
    signal: AbortSignal,
  ): Promise<AsyncIterable<OutputEntry>> {
    const owner = this.#owner(uid, container);
    // Who waits for more to come wants it to come.
    if (query.follow === 'run') owner.knock();
    return owner.logs.of(owner.pod, container).read(query, signal);
  }

  async stdin(uid: string, container: string): Promise<Writable> {
    const owner = this.#owner(uid, container);
    const spec = owner.pod.spec.containers.find(({ name }) => name === container);
    if (!spec?.stdin) throw new KraudError('conflict', `container ${uid} has no open stdin`);
    await owner.awake();
    const release = owner.hold();
    const detached = new AbortController();
    const stdin: Promise<ContainerStdin> = owner
      .whenUp(detached.signal)
      .then((run) => run.stdin(container, spec.tty));
    return stdinWritable(stdin, () => {
      release();
      detached.abort();
    });
  }

  async resize(uid: string, container: string, size: TerminalSize): Promise<void> {
    const owner = this.#owner(uid, container);
    await owner.use(({ guest }) => guest.resize(container, size));
  }

  async kill(uid: string, container: string, signal: number): Promise<void> {
    await processes.kill(this.#parts, this.#owner(uid, container), container, signal);
  }

  async exec(uid: string, container: string, spec: ExecSpec): Promise<ExecSession> {
    return await processes.exec(this.#parts, this.#owner(uid, container), container, spec);
  }

  async stats(uid: string, container: string): Promise<StatsSample> {
    return await processes.stats(this.#parts, this.#owner(uid, container), container);
  }

  async top(uid: string, container: string): Promise<ProcessInfo[]> {
    return await processes.top(this.#owner(uid, container), container);
  }

  async changes(uid: string, container: string): Promise<Change[]> {
    return await files.changes(this.#owner(uid, container), container);
  }

  async archiveStat(uid: string, container: string, path: string): Promise<PathStat> {
    return await files.archiveStat(this.#owner(uid, container), container, path);
  }

  async archiveGet(
    uid: string,
    container: string,
    path: string,
    signal: AbortSignal,
  ): Promise<{ stat: PathStat; tar: Readable }> {
    return await files.archiveGet(this.#owner(uid, container), container, path, signal);
  }

  async archivePut(
    uid: string,
    container: string,
    path: string,
    tar: Readable,
    options: ArchivePutOptions,
  ): Promise<void> {
    await files.archivePut(this.#owner(uid, container), container, path, tar, options);
  }

  async export(uid: string, container: string, signal: AbortSignal): Promise<Readable> {
    return await files.exportRoot(this.#owner(uid, container), container, signal);
  }

  async commit(uid: string, container: string, options: CommitOptions): Promise<string> {
    return await files.commit(this.#parts, this.#owner(uid, container), container, options);
  }

  async size(uid: string, container: string): Promise<{ writableBytes: number; rootBytes: number }> {
    return await files.size(this.#parts, this.#owner(uid, container), container);
  }

  async sleep(uid: string, container: string): Promise<void> {
    await this.#owner(uid, container).fallAsleep('somebody asked for it');
  }

  async wake(uid: string, container: string): Promise<void> {
    const owner = this.#owner(uid, container);
    await owner.awake();
    await owner.reportAgain();
  }

  async update(uid: string, container: string, resources: object): Promise<void> {
    await processes.update(this.#owner(uid, container), container, resources as Resources);
  }

  async rejoin(uid: string, container: string, networks: readonly PodNetwork[]): Promise<void> {
    await rejoin(this.#parts, this.#owner(uid, container), networks);
  }

  async facts(): Promise<HostFacts> {
    const facts = hostFacts(this.#parts);
    const more = [...this.#parts.shares.faults, ...this.#warnings.flatMap((source) => source())];
    return { ...facts, warnings: [...facts.warnings, ...more] };
  }
}
