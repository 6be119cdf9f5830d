import { type Duplex, PassThrough, Readable, type Writable } from 'node:stream';
import { KraudError } from '@kraud/base';
import type {
  ContainerConfig,
  ContainerStats,
  FileChange,
  GuestProcess,
  PathStat,
  PodBody,
} from '@kraud/cradle';
import type { Guest } from '@kraud/host';
import { FakeContainer } from './fake-container.ts';
import type { FakeMachine } from './fake-machine.ts';
import { live } from './live.ts';

/** One daemon's connection to a `FakeMachine`. Each call takes a turn of the event loop, as a real one would. */
export class FakeGuest implements Guest {
  readonly [live] = true;
  readonly #machine: FakeMachine;

  constructor(machine: FakeMachine) {
    this.#machine = machine;
  }

  async #turn(call: string): Promise<void> {
    await Promise.resolve();
    if (this.#machine.hung) await new Promise(() => {});
    if (this.#machine.dead || this.#machine.asleep)
      throw new KraudError('unavailable', 'the connection to the guest agent was lost');
    this.#machine.calls.push(call);
  }

  async info() {
    await this.#turn('info');
    const containers = [...this.#machine.containers].map(
      ([name, { state, startedAtNs, finishedAtNs, exit }]) => ({
        name,
        state,
        ...(startedAtNs !== undefined ? { startedAtNs } : {}),
        ...(finishedAtNs !== undefined ? { finishedAtNs } : {}),
        ...(exit ? { exit } : {}),
      }),
    );
    return { pod: this.#machine.pod !== undefined, containers };
  }

  async setPod(pod: PodBody): Promise<void> {
    await this.#turn('setPod');
    this.#machine.pod = pod;
    this.#machine.shares.begin(pod);
  }

  async setClock(): Promise<void> {
    await this.#turn('clock');
  }

  async deletePod(): Promise<void> {
    await this.#turn('deletePod');
    this.#machine.pod = undefined;
  }

  async putContainer(name: string, config: ContainerConfig): Promise<void> {
    await this.#turn(`put ${name}`);
    this.#machine.containers.set(name, new FakeContainer(config));
  }

  async start(name: string) {
    await this.#turn(`start ${name}`);
    const container = this.#machine.container(name);
    const [program = ''] = container.config.args;
    container.start(this.#machine.programs[program] ?? (() => 0));
    return { pid: 1, startedAtNs: container.startedAtNs ?? 0n };
  }

  async state(name: string) {
    await this.#turn(`state ${name}`);
    const { state, finishedAtNs, startedAtNs } = this.#machine.container(name);
    return {
      state,
      ...(startedAtNs !== undefined ? { startedAtNs } : {}),
      ...(finishedAtNs !== undefined ? { finishedAtNs } : {}),
    };
  }

  async kill(name: string, signal: number): Promise<void> {
    await this.#turn(`kill ${name} ${signal}`);
    this.#machine.container(name).signal(signal);
  }

  async resize(name: string, size: { rows: number; cols: number }): Promise<void> {
    await this.#turn(`resize ${name}`);
    this.#machine.container(name).size = size;
  }

  async pause(name: string): Promise<void> {
    await this.#turn(`pause ${name}`);
    this.#machine.container(name).state = 'paused';
  }

  async resume(name: string): Promise<void> {
    await this.#turn(`resume ${name}`);
    const container = this.#machine.container(name);
    if (container.state === 'paused') container.state = 'running';
  }

  async update(name: string): Promise<void> {
    await this.#turn(`update ${name}`);
  }

  async logs(name: string, fromOffset: number, signal: AbortSignal) {
    await this.#turn(`logs ${name} ${fromOffset}`);
    const machine = this.#machine;
    const container = machine.container(name);
    container.ack(fromOffset);
    let from = fromOffset;
    let closed = false;
    const aborted = new Promise<'aborted'>((resolve) => {
      signal.addEventListener('abort', () => resolve('aborted'), { once: true });
    });
    let ended = false;
    return {
      [live]: true,
      get exit() {
        return ended ? container.exit : undefined;
      },
      ack: (offset: number) => {
        if (!closed) container.ack(offset);
      },
      close: () => {
        closed = true;
      },
      [Symbol.asyncIterator]: () => ({
        [live]: true,
        next: async () => {
          const entry = await Promise.race([container.next(from), aborted]);
          if (entry === 'aborted' || machine.dead) throw new KraudError('unavailable', 'connection lost');
          if (entry === undefined) {
            ended = true;
            return { done: true as const, value: undefined };
          }
          from = entry.offset + entry.data.length;
          return { done: false as const, value: entry };
        },
        return: async () => ({ done: true as const, value: undefined }),
      }),
    };
  }

  async writeStdin(
    name: string,
    source: Readable,
    options: { keepOpen: boolean; signal: AbortSignal },
  ): Promise<void> {
    await this.#turn(`stdin ${name}`);
    const { stdin } = this.#machine.container(name);
    for await (const chunk of source) {
      if (options.signal.aborted) return;
      stdin.write(chunk);
    }
    if (!options.keepOpen) stdin.end();
  }

  async exec(name: string, _id: string, spec: { args: string[] }) {
    await this.#turn(`exec ${name} ${spec.args.join(' ')}`);
    const container = this.#machine.container(name);
    if (container.state !== 'running') throw new KraudError('conflict', 'it is not running');
    const code = Number(spec.args[1] ?? 0);
    const stdin: Writable = new PassThrough();
    return {
      pid: 7,
      output: async function* () {
        yield { stream: 'stdout' as const, data: Buffer.from(`${spec.args.join(' ')}\n`) };
      },
      stdin,
      exit: Promise.resolve({ code, signal: 0, oomKilled: false, error: '' }),
      resize: async () => {},
      kill: async () => {},
      detach: () => {},
    };
  }

  async stats(name: string): Promise<ContainerStats> {
    await this.#turn(`stats ${name}`);
    const zero = {
      cpuNs: 0,
      cpuUserNs: 0,
      cpuSystemNs: 0,
      memoryBytes: 0,
      memoryMaxBytes: 0,
      pids: 1,
      pidsMax: 0,
    };
    const blkio = { readBytes: 0, writeBytes: 0, readOps: 0, writeOps: 0 };
    return { ...zero, memoryStats: {}, blkio, net: [], onlineCpus: 1, systemCpuNs: 0 };
  }

  async top(name: string): Promise<readonly GuestProcess[]> {
    await this.#turn(`top ${name}`);
    return [];
  }

  async changes(name: string): Promise<readonly FileChange[]> {
    await this.#turn(`changes ${name}`);
    return [{ path: '/made', kind: 1 }];
  }

  async archiveStat(name: string, path: string): Promise<PathStat> {
    await this.#turn(`stat ${name} ${path}`);
    return { name: path, size: 1, mode: 0o644, mtimeNs: '0', linkTarget: '' };
  }

  async archiveGet(name: string, path: string) {
    return { stat: await this.archiveStat(name, path), tar: Readable.from([Buffer.from(path)]) };
  }

  async archiveTree(name: string, tree: 'root' | 'upper'): Promise<Readable> {
    await this.#turn(`tree ${name} ${tree}`);
    return Readable.from([Buffer.from(tree)]);
  }

  async archivePut(name: string, path: string, tar: Readable): Promise<void> {
    await this.#turn(`put-archive ${name} ${path}`);
    for await (const _ of tar);
  }

  async linkShare(at: string): Promise<Duplex> {
    await this.#turn(`link ${at}`);
    return this.#machine.shares.link(at);
  }

  async serveShare(at: string): Promise<Duplex> {
    await this.#turn(`serve ${at}`);
    return this.#machine.shares.serve(at);
  }

  async holdShare(at: string): Promise<void> {
    await this.#turn(`hold ${at}`);
    this.#machine.shares.hold(at);
  }

  async setNetwork(body: { network: { addresses: readonly string[] } | null }): Promise<void> {
    await this.#turn(`set-network ${body.network?.addresses.join(' ')}`);
  }

  async putFile(name: string, file: { path: string }, bytes: Buffer): Promise<void> {
    await this.#turn(`put-file ${name} ${file.path} ${bytes.toString()}`);
  }

  async listen(name: string, socket: { path: string }): Promise<string> {
    await this.#turn(`listen ${name} ${socket.path}`);
    return 's1';
  }

  /** Nothing in a fake ever connects. */
  async accept(_id: string, signal: AbortSignal): Promise<Duplex> {
    return await new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  }
}
