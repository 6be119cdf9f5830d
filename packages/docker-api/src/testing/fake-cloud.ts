import { Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { BoundedQueue, KraudError, must, newId } from '@kraud/base';
import {
  type Caller,
  type Cloud,
  type Config,
  type Event,
  ExecFailure,
  type ExecRecord,
  type ExecStreams,
  type ImageView,
  type Network,
  type Pod,
  type PodDraft,
  type Progress,
  type Secret,
} from '@kraud/cloud';
import { buildNetwork, buildPod, buildView, createdAt } from './builders.ts';
import { fakeFiles } from './fake-files.ts';
import { FakeProcess } from './fake-process.ts';
import { FakeSwarm } from './fake-swarm.ts';

/** What a use case that a test doesn't need answers. */
function missing(name: string): never {
  throw new KraudError('internal', `the fake cloud has no ${name}`);
}

/** A cloud in memory, with a `FakeProcess` for each pod. Remembers what it was asked for. */
export class FakeCloud {
  readonly drafts: PodDraft[] = [];
  readonly calls: { name: string; args: unknown[] }[] = [];
  readonly pods = new Map<string, Pod>();
  readonly swarm = new FakeSwarm(this.pods);
  readonly processes = new Map<string, FakeProcess>();
  readonly execs = new Map<string, { record: ExecRecord; process: FakeProcess }>();
  /** No program of an exec runs before this has passed. */
  execsHeld: Promise<void> = Promise.resolve();
  readonly events: { type: string; action: string; actor: string }[] = [];
  readonly liveEvents = new BoundedQueue<Event>(1000);
  images: ImageView[] = [buildView(['docker.io/library/app:latest'])];
  networks: Network[] = [
    buildNetwork('default', 'vpc', 'e1'.repeat(32)),
    buildNetwork('none', 'none', 'e2'.repeat(32)),
  ];
  /** On whichever network is asked about. */
  members: Pod[] = [];
  loading: (progress: Progress) => Promise<void> = async (progress) =>
    progress({ stream: 'Loaded image: app:latest\n' });
  archive: Buffer = Buffer.alloc(0);
  readonly #waiters: (() => void)[] = [];

  /** What the latest noted use case was asked for. */
  lastCall(): unknown[] {
    return must(this.calls.at(-1), 'a use case was called').args;
  }

  find(ref: string): Pod {
    const pod = [...this.pods.values()].find((p) => p.meta.name === ref || p.meta.uid.startsWith(ref));
    if (!pod) throw new KraudError('not-found', `No such container: ${ref}`);
    return pod;
  }

  process(uid: string): FakeProcess {
    return must(this.processes.get(uid), 'the pod has a process');
  }

  /** Changes a pod's status, as a host would. */
  report(uid: string, status: Partial<Pod['status']>): void {
    const pod = must(this.pods.get(uid), 'the pod is there');
    this.pods.set(uid, { ...pod, status: { ...pod.status, ...status } });
    for (const wake of this.#waiters.splice(0)) wake();
  }

  create(draft: PodDraft): Pod {
    this.drafts.push(draft);
    if (
      !this.images.some((view) => view.image.spec.tags.some((tag) => tag.includes(draft.container.image)))
    ) {
      throw new KraudError('not-found', `No such image: ${draft.container.image}:latest`);
    }
    const pod = buildPod(draft, newId());
    this.pods.set(pod.meta.uid, pod);
    this.processes.set(pod.meta.uid, new FakeProcess(must(pod.spec.containers[0], 'one').args));
    return pod;
  }

  start(ref: string): Pod {
    const pod = this.find(ref);
    const { uid } = pod.meta;
    if (pod.status.phase === 'running') throw new KraudError('unchanged', 'already running');
    const running = { name: 'main', state: 'running' as const, exitCode: 0, oomKilled: false, error: '' };
    this.report(uid, { phase: 'running', containers: [{ ...running, startedAt: createdAt }] });
    void this.process(uid).exited.then((exitCode) => {
      if (!this.pods.has(uid)) return;
      const exited = {
        ...running,
        state: 'exited' as const,
        exitCode,
        startedAt: createdAt,
        finishedAt: createdAt,
      };
      this.report(uid, { phase: 'exited', containers: [exited] });
      if (pod.spec.autoRemove) this.remove(uid);
    });
    this.process(uid).run();
    return this.find(uid);
  }

  remove(uid: string): void {
    this.pods.delete(uid);
    for (const wake of this.#waiters.splice(0)) wake();
  }

  async until(condition: () => boolean, signal: AbortSignal): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve, reject) => {
        this.#waiters.push(resolve);
        signal.addEventListener('abort', () => reject(new KraudError('canceled', 'gone')), { once: true });
      });
    }
  }

  cloud(): Cloud {
    const { calls } = this;
    const note = (name: string, ...args: unknown[]): void => void calls.push({ name, args });
    const some: { [K in keyof Cloud]: Partial<Cloud[K]> } = {
      pods: {
        create: async (_c, draft) => ({ pod: this.create(draft), warnings: [] }),
        get: async (_c, ref) => this.find(ref),
        list: async () => [...this.pods.values()],
        start: async (_c, ref) => this.start(ref),
        stop: async (_c, ref, options) => {
          note('stop', ref, options);
          const pod = this.find(ref);
          if (pod.status.phase !== 'running') throw new KraudError('unchanged', 'not running');
          this.process(pod.meta.uid).kill(137);
        },
        kill: async (_c, ref, signal) => {
          note('kill', ref, signal);
          this.process(this.find(ref).meta.uid).kill(137);
        },
        remove: async (_c, ref) => this.remove(this.find(ref).meta.uid),
        rename: async (_c, ref, name) => note('rename', ref, name),
        update: async (_c, ref, change) => {
          note('update', ref, change);
          return { warnings: [] };
        },
        prune: async (_c, matches) => {
          const gone = [...this.pods.values()].filter(
            (pod) => pod.status.phase !== 'running' && matches(pod),
          );
          for (const pod of gone) this.remove(pod.meta.uid);
          return { removed: gone.map((pod) => pod.meta.uid), freedBytes: gone.length };
        },
        wait: async (_c, ref, condition, { ready, signal }) => {
          const { uid } = this.find(ref).meta;
          const was = this.pods.get(uid)?.status.phase;
          ready?.();
          let exitCode = 0;
          await this.until(() => {
            const pod = this.pods.get(uid);
            exitCode = pod?.status.containers[0]?.exitCode ?? exitCode;
            if (!pod) return true;
            if (condition === 'removed') return false;
            return condition === 'next-exit'
              ? was !== 'exited' && pod.status.phase === 'exited'
              : pod.status.phase !== 'running';
          }, signal);
          return { exitCode, error: '' };
        },
        output: async (_c, ref, query, signal) => {
          note('output', ref, query);
          const process = this.process(this.find(ref).meta.uid);
          if (query.follow === 'no') return Readable.from(process.past);
          return untilAborted(process.output(query.from === 'end' ? 'end' : 'start'), signal);
        },
        stdin: async (_c, ref) => detachable(this.process(this.find(ref).meta.uid).input()),
        resize: async (_c, ref, size) => note('resize', ref, size),
        pause: async (_c, ref) => this.report(this.find(ref).meta.uid, { phase: 'paused' }),
        unpause: async (_c, ref) => this.report(this.find(ref).meta.uid, { phase: 'running' }),
        size: async () => ({ writableBytes: 10, rootBytes: 100 }),
        changes: async () => [{ path: '/a', kind: 'added' }],
        archivePut: async (_c, ref, path, tar, options) => {
          this.archive = await buffer(tar);
          note('archivePut', ref, path, options);
        },
        archiveStat: async (_c, _ref, path) => stat(path),
        archiveGet: async (_c, _ref, path) => ({
          stat: stat(path),
          tar: Readable.from([Buffer.from('tar')]),
        }),
        export: async () => Readable.from([Buffer.from('tar')]),
        top: async () => [],
        commit: async (_c, ref, options) => {
          note('commit', ref, options);
          return `sha256:${'c'.repeat(64)}`;
        },
      },
      execs: {
        create: async (_c, ref, spec, given) => {
          const record: ExecRecord = {
            id: newId(),
            podUid: this.find(ref).meta.uid,
            container: 'main',
            spec,
            given,
            state: 'created',
            exitCode: null,
            pid: 0,
          };
          this.execs.set(record.id, { record, process: new FakeProcess(spec.args) });
          return record;
        },
        get: (_c, id) => this.#exec(id).record,
        listFor: () => [],
        start: async (_c, id, { begins }) => {
          const { record, process } = this.#exec(id);
          await begins?.();
          await this.execsHeld;
          if (record.spec.args[0] === 'nosuch') {
            Object.assign(record, { state: 'exited', exitCode: 127 });
            throw new ExecFailure(127, 'exec: "nosuch": executable file not found in $PATH', undefined);
          }
          record.state = 'running';
          const streams: ExecStreams = {
            output: () => process.output('start'),
            stdin: detachable(process.stdin),
            exit: process.exited.then((code) => ({ code })),
            detach: () => note('detach', id),
          };
          void process.exited.then((code) => {
            record.state = 'exited';
            record.exitCode = code;
          });
          process.run();
          return streams;
        },
        resize: async (_c, id, size) => note('exec resize', id, size),
      },
      images: {
        get: async (_c, ref) => {
          const view = this.images.find(
            ({ image }) => image.spec.id.includes(ref) || image.spec.tags.some((tag) => tag.includes(ref)),
          );
          if (!view) throw new KraudError('not-found', `No such image: ${ref}`);
          return view;
        },
        list: async () => this.images,
        users: async () => [...this.pods.keys()],
        import: async (_c, tar, options) => {
          if (options.changes.includes('FAIL')) throw new KraudError('invalid', 'FAIL is not a valid change');
          this.archive = await buffer(tar);
          note('import', options.message);
          return `sha256:${'c3'.repeat(32)}`;
        },
        remote: async (_c, reference, auth) => {
          note('remote', reference, auth);
          const platforms = [{ os: 'linux', architecture: 'amd64' }];
          return { mediaType: 'm', digest: 'sha256:d', sizeBytes: 3, platforms };
        },
        push: async (_c, reference) => note('push', reference),
        load: async (_c, tar, { progress }) => {
          this.archive = await buffer(tar);
          await this.loading(progress);
        },
        pull: async (_c, reference, options) => {
          note('pull', reference, options);
          options.progress({ status: 'Done' });
        },
        tag: async (_c, ref, reference) => note('tag', ref, reference),
        remove: async (_c, ref) => [{ untagged: ref }, { deleted: ref }],
        save: async () => Readable.from([Buffer.from('tar')]),
      },
      volumes: {
        get: (_c, name) => Promise.reject(new KraudError('not-found', `get ${name}: no such volume`)),
        list: async () => [],
      },
      networks: {
        get: async (_c, ref) => {
          const network = this.networks.find(({ meta }) => meta.name === ref || meta.uid.startsWith(ref));
          if (!network) throw new KraudError('not-found', `network ${ref} not found`);
          return network;
        },
        create: async (_c, draft) => {
          note('network', draft);
          return buildNetwork(draft.name, 'vpc', 'e3'.repeat(32));
        },
        list: async () => this.networks,
        members: async () => this.members,
      },
      secrets: fakeFiles<Secret>('Secret'),
      configs: fakeFiles<Config>('Config'),
      events: {
        record: async (_c, event) => void this.events.push(event),
        stream: (_c, _range, signal) => untilAborted(this.liveEvents, signal),
      },
      workloads: this.swarm.workloadCases,
      swarms: this.swarm.swarmCases,
      quotas: {},
      hosts: this.swarm.hostCases,
      system: {
        info: async () => ({
          facts: {
            hostname: 'h',
            cpus: 2,
            memoryBytes: 1,
            kernel: '6',
            guestKernel: '6.1',
            operatingSystem: 'Linux',
            osVersion: '12',
            architecture: 'amd64',
            accelerator: { kind: 'tcg', reason: 'a test' },
            vmm: 'qemu',
            dataDir: '/x',
            slots: { warm: 0, running: 0, warmMax: 0 },
            warnings: [],
          },
          pods: { running: 0, paused: 0, stopped: 0 },
          images: 1,
          instanceId: 'id',
        }),
        usage: async () => ({ layersBytes: 0, images: [], pods: [], volumes: [] }),
      },
    };
    return filled(some);
  }

  #exec(id: string): { record: ExecRecord; process: FakeProcess } {
    const held = this.execs.get(id);
    if (!held) throw new KraudError('not-found', `No such exec instance: ${id}`);
    return held;
  }
}

export const testCaller: Caller = { tenant: 'default', local: true };

const stat = (path: string) => ({ name: path, sizeBytes: 3, mode: 0o644, mtime: createdAt, linkTarget: '' });

function filled(some: { [K in keyof Cloud]: Partial<Cloud[K]> }): Cloud {
  const part = (name: string, methods: object): unknown =>
    new Proxy(methods, {
      get: (target, method) => Reflect.get(target, method) ?? (() => missing(`${name}.${String(method)}`)),
    });
  return Object.fromEntries(
    Object.entries(some).map(([name, methods]) => [name, part(name, methods)]),
  ) as unknown as Cloud;
}

/** Ends with the source, or when the signal aborts. */
async function* untilAborted<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T, void, void> {
  const iterator = source[Symbol.asyncIterator]();
  const aborted = new Promise<{ done: true; value: undefined }>((resolve) => {
    signal.addEventListener('abort', () => resolve({ done: true, value: undefined }), { once: true });
  });
  for (;;) {
    const next = await Promise.race([iterator.next(), aborted]);
    if (next.done) return;
    yield next.value;
  }
}

/** Ending it ends the process's stdin; destroying it only lets go. */
function detachable(stdin: Writable): Writable {
  return new Writable({
    write: (chunk, _encoding, done) => void stdin.write(chunk, done),
    final: (done) => void stdin.end(done),
  });
}
