import { messageOf } from '@kraud/base';
import type { VmExit } from '@kraud/cradle';
import type { LedgerEntry, Pod } from '@kraud/macro';
import type { Guest, GuestExit } from '../guest/guest.ts';
import type { LogBook } from '../logs/log-book.ts';
import { pump } from '../logs/pump.ts';
import type { HostParts, HostVm } from '../parts.ts';
import { Relay } from '../sockets/relay.ts';
import type { ObservedRun } from './plan.ts';
import type { RunRecord } from './run-record.ts';
import { type ContainerEnd, endOf, endOfBroken, endOfFenced, endOfVm, type UpFacts } from './status.ts';
import { ContainerStdin } from './stdin.ts';
import { nsOfMs } from './times.ts';

export interface RunParts {
  readonly parts: HostParts;
  readonly pod: Pod;
  readonly vm: HostVm;
  readonly record: RunRecord;
  readonly logs: LogBook;
}

/**
 * One run of a pod: its VM and what goes on around it until every container has ended, by itself or because the VM
 * did. Whoever has it makes it true what the owner decides; it decides nothing itself.
 */
export class Run {
  readonly vm: HostVm;
  readonly serial: number;
  record: RunRecord;
  /** Resolves once all containers have ended. */
  readonly ended: Promise<void>;
  readonly startedAtNs = new Map<string, bigint>();
  readonly ends = new Map<string, ContainerEnd>();
  ledger: LedgerEntry[] | undefined;
  /** When the program ran, on the host's monotonic clock. */
  runsAtMs: number | undefined;
  paused = false;
  stop: ObservedRun['stop'] = 'none';
  reported = false;
  /** The exit is in the store: an earlier daemon got that far. */
  exitReported = false;
  /** It was begun by an earlier daemon. */
  adopted = false;

  readonly #parts: HostParts;
  readonly #pod: Pod;
  readonly #logs: LogBook;
  readonly #stop = new AbortController();
  readonly #relays: Relay[] = [];
  readonly #stdins = new Map<string, ContainerStdin>();
  readonly #waits: Promise<void>[] = [];
  #firstOutputAtMs: number | undefined;
  #ended = false;
  /** How the guest broke the protocol, for which its VM goes. */
  #broken: string | undefined;
  #reconnecting: Promise<unknown> | undefined;
  #resolveEnded: () => void = () => {};

  constructor({ parts, pod, vm, record, logs }: RunParts) {
    this.vm = vm;
    this.record = record;
    this.serial = record.serial;
    this.#parts = parts;
    this.#pod = pod;
    this.#logs = logs;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  get guest(): Guest {
    return this.vm.guest;
  }

  get observed(): ObservedRun {
    const { serial, paused, stop, reported } = this;
    const name = this.record.attachment?.podName;
    return { serial, paused, ended: this.#ended, stop, name, reported };
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  get up(): UpFacts {
    const { vm } = this;
    return {
      serial: this.serial,
      paused: this.paused,
      startedAtNs: this.startedAtNs,
      ends: this.ends,
      network: this.record.network,
      vm: {
        pid: vm.pid,
        accelerator: vm.accelerator.kind,
        warm: vm.warm,
        hostPaths: vm.spec.size.hostPaths,
      },
      ledger: this.ledger,
    };
  }

  stdin(container: string, tty: boolean): ContainerStdin {
    const known = this.#stdins.get(container);
    if (known) return known;
    const stdin = new ContainerStdin({ guest: this.guest, container, tty, signal: this.signal });
    this.#stdins.set(container, stdin);
    return stdin;
  }

  /** Begins to carry a container's output. Its end is told once all of it is written. */
  follow(container: string): void {
    const { clock, logger, limits } = this.#parts;
    this.#waits.push(
      pump({
        guest: this.guest,
        reconnect: () => this.#reconnect(),
        onBroken: (why) => this.#guestBroke(why),
        container,
        serial: this.serial,
        log: this.#logs.of(this.#pod, container),
        clock,
        logger: logger.child({ pod: this.vm.id.slice(0, 12) }),
        signal: this.signal,
        diskFullWaitMs: limits.diskFullWaitMs,
        onOutput: () => {
          this.#firstOutputAtMs ??= clock.monotonic();
        },
      }).then((exit) => exit && this.#containerEnded(container, exit)),
    );
  }

  /** The ledger of the start with the first output, if there was one: what is told once the run is over. */
  get finalLedger(): LedgerEntry[] | undefined {
    const last = this.ledger?.at(-1);
    if (!this.ledger || !last || this.runsAtMs === undefined || this.#firstOutputAtMs === undefined)
      return this.ledger;
    const tookMs = Math.max(0, this.#firstOutputAtMs - this.runsAtMs);
    const endMs = Math.round((last.endMs + tookMs) * 100) / 100;
    return [...this.ledger, { phase: 'output', startMs: last.endMs, endMs }];
  }

  /** Watches the VM. Call it once all containers are followed. */
  watch(): void {
    void this.vm.exited.then((exit) => this.#vmEnded(exit));
  }

  /** Carries connections of a socket in the container to one of the host. */
  relay(id: string, source: string): void {
    const { clock, logger, limits } = this.#parts;
    const relay = new Relay({
      guest: this.guest,
      id,
      source,
      pendingMax: limits.socketAcceptsPending,
      clock,
      logger,
      signal: this.signal,
    });
    this.#relays.push(relay);
    relay.run();
  }

  /** It was over before this daemon began. */
  conclude(ends: ReadonlyMap<string, ContainerEnd>): void {
    for (const [name, end] of ends) this.ends.set(name, end);
    this.#end();
  }

  /** It never came to be: nothing more is told of it. */
  abandon(): void {
    this.#ended = true;
    this.#stop.abort();
  }

  /** Lets go of the VM without ending it: streams and relays stop. */
  async leave(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#waits);
    await Promise.all(this.#relays.map((relay) => relay.closed));
  }

  /** Once for all that noticed. */
  #reconnect(): Promise<unknown> {
    this.#reconnecting ??= this.vm.reconnect().finally(() => {
      this.#reconnecting = undefined;
    });
    return this.#reconnecting;
  }

  /** It would break it again: there is nothing to wait for. */
  #guestBroke(why: string): void {
    this.#broken ??= why;
    this.vm.kill().catch((error: unknown) => {
      this.#parts.logger.error(
        { error: messageOf(error) },
        'the VM of a guest that broke the protocol stays',
      );
    });
  }

  async #containerEnded(container: string, exit: GuestExit): Promise<void> {
    // An adopted run may have ended while nobody watched: the guest knows when.
    const told = this.adopted ? await this.guest.state(container).catch(() => undefined) : undefined;
    if (this.#ended || this.ends.has(container)) return;
    const finishedAtNs = told?.finishedAtNs ?? nsOfMs(this.#parts.clock.now());
    this.ends.set(container, endOf(exit, finishedAtNs));
    this.reported = false;
    if (this.#pod.spec.containers.every(({ name }) => this.ends.has(name))) this.#end();
  }

  #vmEnded(exit: VmExit): void {
    // A run that sleeps has not ended.
    if (this.#ended || exit.reason === 'asleep') return;
    const finishedAtNs = nsOfMs(this.#parts.clock.now());
    const since = this.runsAtMs ?? Number.NEGATIVE_INFINITY;
    const fenced =
      (exit.reason === 'killed' || exit.reason === 'crashed') && this.#parts.liveness.firedSince(since);
    const own =
      this.#broken === undefined ? endOfVm(exit, finishedAtNs) : endOfBroken(this.#broken, finishedAtNs);
    const end = fenced ? endOfFenced(finishedAtNs) : own;
    for (const { name } of this.#pod.spec.containers) {
      if (!this.ends.has(name)) this.ends.set(name, end);
    }
    this.#end();
  }

  #end(): void {
    this.#ended = true;
    this.#stop.abort();
    this.#logs.endRun(this.serial);
    this.#resolveEnded();
  }
}

/** Has a port or an address of its own that the next pod may ask for as soon as this one is said to be over. */
export function holdsPlaces({ spec }: Pick<Pod, 'spec'>): boolean {
  return spec.ports.length > 0 || spec.networks.some(({ ipv4 }) => ipv4 !== undefined);
}

/** Has files that outlive it: what the guest hasn't written yet must reach them before its VM goes. */
export function sharesFiles({ record, vm }: Run): boolean {
  return record.volumes.length > 0 || vm.spec.hostPaths.length > 0;
}
