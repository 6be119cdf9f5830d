import { KraudError, messageOf, newId } from '@kraud/base';
import type { ExecSession, ExecSpec, TerminalSize } from '@kraud/host';
import type { Pod } from '@kraud/macro';
import type { Caller, ExecRecord, ExecStart, ExecStreams, Execs } from './contract.ts';
import type { EventRecorder } from './events.ts';
import { execEnv } from './exec-env.ts';
import { execFailure } from './exec-failure.ts';
import type { CloudParts } from './parts.ts';
import { findPod, isUp, mainContainer, mustRun } from './pods/find.ts';

interface Held {
  readonly tenant: string;
  readonly record: ExecRecord;
  /** Of the run that it was made for; with that it is over. */
  readonly serial: number;
  session?: ExecSession;
  /** Its events so far are in the log. Nobody waits for that but the next one, so that their order is kept. */
  told: Promise<void>;
}

/** Execs live in the daemon's memory, as in dockerd: after a restart their ids are unknown. Ended ones are kept, bounded. */
export class ExecUseCases implements Execs {
  readonly #parts: CloudParts;
  readonly #events: EventRecorder;
  readonly #held = new Map<string, Held>();

  constructor(parts: CloudParts, events: EventRecorder) {
    this.#parts = parts;
    this.#events = events;
  }

  async create(caller: Caller, podRef: string, spec: ExecSpec, given: unknown): Promise<ExecRecord> {
    const found = findPod(this.#parts, caller, podRef);
    if (found.status.phase === 'paused') {
      throw new KraudError('conflict', `Container ${podRef} is paused, unpause the container before exec`);
    }
    const pod = mustRun(found);
    if (spec.args.length === 0 || spec.args[0] === '')
      throw new KraudError('invalid', 'No exec command specified');
    this.#trim();
    const record: ExecRecord = {
      id: newId(this.#parts.random),
      podUid: pod.meta.uid,
      container: mainContainer(pod).name,
      spec,
      given,
      state: 'created',
      exitCode: null,
      pid: 0,
    };
    const { serial } = pod.status;
    const held = { tenant: caller.tenant, record, serial, told: Promise.resolve() };
    this.#held.set(record.id, held);
    this.#tell(caller, held, pod, `exec_create: ${spec.args.join(' ')}`);
    return record;
  }

  get(caller: Caller, id: string): ExecRecord {
    return this.#find(caller, id).record;
  }

  listFor(uid: string): string[] {
    const held = [...this.#held.values()].filter(({ record }) => record.podUid === uid);
    return held
      .filter((one) => one.record.state !== 'exited' && !this.#isPast(one))
      .map((held) => held.record.id);
  }

  async start(caller: Caller, id: string, options: ExecStart): Promise<ExecStreams> {
    const held = this.#find(caller, id);
    const { record } = held;
    if (record.state === 'running') throw new KraudError('conflict', `exec command ${id} is already running`);
    if (record.state === 'exited') throw new KraudError('conflict', `exec command ${id} has already run`);
    const pod = mustRun(findPod(this.#parts, caller, record.podUid));
    record.state = 'running';
    await options.begins?.().catch((error: unknown) => {
      record.state = 'created';
      throw error;
    });
    try {
      const container = mainContainer(pod);
      const spec: ExecSpec = {
        ...record.spec,
        env: execEnv(container, record.spec),
        cwd: record.spec.cwd || container.cwd,
        user: record.spec.user || container.user,
        ...(['', container.user].includes(record.spec.user) ? { groups: container.groups } : {}),
        privileged: record.spec.privileged || container.privileged,
        stdin: record.spec.stdin && !options.detach,
        ...(options.size ? { size: options.size } : {}),
      };
      held.session = await this.#parts.hostOf(pod.spec.host).exec(record.podUid, record.container, spec);
    } catch (error) {
      const failure = execFailure(error);
      record.state = 'exited';
      record.exitCode = failure.exitCode;
      throw failure;
    }
    const session = held.session;
    record.pid = session.pid;
    this.#tell(caller, held, pod, `exec_start: ${record.spec.args.join(' ')}`);
    const ended = (code: number): void => {
      this.#ended(held, code);
      this.#tell(caller, held, pod, 'exec_die', { exitCode: String(code) });
    };
    session.exit.then(
      ({ code }) => ended(code),
      () => ended(137),
    );
    if (options.detach) void drain(session);
    return session;
  }

  async resize(caller: Caller, id: string, size: TerminalSize): Promise<void> {
    const held = this.#find(caller, id);
    if (!held.session || held.record.state !== 'running')
      throw new KraudError('conflict', `exec ${id} is not running`);
    // As dockerd: without a terminal there is nothing to do.
    if (held.record.spec.tty) await held.session.resize(size);
  }

  #find(caller: Caller, id: string): Held {
    const held = this.#held.get(id);
    const pod = held && this.#parts.pods.byUid(caller.tenant, held.record.podUid);
    if (!held || !pod || (held.record.state === 'created' && this.#isPast(held)))
      throw new KraudError('not-found', `No such exec instance: ${id}`);
    return held;
  }

  /** Its pod runs no more, or again: what has been made for an earlier run can't be started in another. */
  #isPast({ tenant, record, serial }: Held): boolean {
    const pod = this.#parts.pods.byUid(tenant, record.podUid);
    return !pod || !isUp(pod) || pod.status.serial !== serial;
  }

  #tell(caller: Caller, held: Held, pod: Pod, action: string, attributes: Record<string, string> = {}): void {
    const { id } = held.record;
    held.told = held.told
      .then(() => this.#events.pod(caller, action, pod, { execID: id, ...attributes }))
      .catch((error: unknown) => {
        this.#parts.logger.warn({ error: messageOf(error), execId: id }, 'event not recorded');
      });
  }

  #ended(held: Held, code: number): void {
    held.record.state = 'exited';
    held.record.exitCode = code;
    delete held.session;
  }

  /** Forgets the oldest ended ones past the limit; refuses new ones when too many are going on. */
  #trim(): void {
    const { execsKept, execsMax } = this.#parts.limits;
    let over = this.#held.size - execsKept;
    for (const [id, held] of this.#held) {
      if (over <= 0) break;
      if (held.record.state !== 'exited') continue;
      this.#held.delete(id);
      over -= 1;
    }
    if (this.#held.size >= execsMax) throw new KraudError('exhausted', `more than ${execsMax} execs at once`);
  }
}

/** What nobody reads is thrown away, so that the program isn't stopped by it. */
async function drain(session: ExecSession): Promise<void> {
  try {
    for await (const _ of session.output()) {
      // Only taken off the pipe.
    }
  } catch {
    // The exit says how it ended.
  }
}
