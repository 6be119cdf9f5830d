import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, KraudError, messageOf } from '@kraud/base';
import type { VmExit } from '../contract.ts';
import type { Cgroups } from '../jail/cgroups.ts';
import { logOf } from '../jail/launch.ts';
import { isAlive, killProcess, type ProcessMark } from '../process.ts';
import { QmpClient, type QmpEvent } from '../qmp/client.ts';
import { jailPaths } from './arguments.ts';
import { connectUnix } from './socket.ts';

export interface VmmIdentity {
  /** Of its directory and its control group. */
  readonly name: string;
  readonly dir: string;
  readonly mark: ProcessMark;
}

const qmpTimeoutMs = 20_000;
/** A VMM that talks to another daemon accepts the connection, and then says nothing. */
const greetingTimeoutMs = 10_000;
const exitPollMs = 5;
const exitFileTimeoutMs = 2_000;
const consoleTailChars = 400;

/**
 * A live VMM process that we hold the QMP conversation with. `exited` settles once, after the process is gone, with
 * the reason as far as it can be known; whatever breaks the conversation ends the VMM.
 */
export class Vmm {
  readonly identity: VmmIdentity;
  readonly exited: Promise<VmExit>;
  readonly #clock: Clock;
  readonly #cgroups: Cgroups;
  readonly #qmp: QmpClient;
  #ending: VmExit | undefined;
  #gone = false;

  private constructor(identity: VmmIdentity, qmp: QmpClient, clock: Clock, cgroups: Cgroups) {
    this.identity = identity;
    this.#qmp = qmp;
    this.#clock = clock;
    this.#cgroups = cgroups;
    this.exited = this.#watch();
  }

  static async connect(
    identity: VmmIdentity,
    world: { clock: Clock; cgroups: Cgroups; signal?: AbortSignal | undefined; silenceMs?: number },
  ): Promise<Vmm> {
    const alive = (): Promise<boolean> => isAlive(identity.mark);
    const path = join(identity.dir, jailPaths.qmp);
    let greeted = false;
    let onEvent: (event: QmpEvent) => void = () => {};
    try {
      const { clock, signal, silenceMs = greetingTimeoutMs } = world;
      const socket = await connectUnix(path, { clock, timeoutMs: qmpTimeoutMs, alive, signal });
      const late = AbortSignal.timeout(silenceMs);
      const silence = signal ? AbortSignal.any([late, signal]) : late;
      silence.addEventListener('abort', () => greeted || socket.destroy(), { once: true });
      const qmp = await QmpClient.open(socket, (event) => onEvent(event));
      greeted = true;
      const vmm = new Vmm(identity, qmp, world.clock, world.cgroups);
      onEvent = (event) => vmm.#onEvent(event);
      return vmm;
    } catch (error) {
      if (world.signal?.aborted) throw error;
      // Its words are all there once its keeper has seen it end.
      await killProcess(identity.mark);
      const status = await exitStatus(identity.dir, world.clock);
      const words = [status, await logOf(identity.dir)].filter((text) => text !== '').join(': ');
      throw new KraudError('unavailable', `the VMM did not start: ${words || messageOf(error)}`, {
        cause: error,
      });
    }
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** It has ended, or is about to, or is another daemon's: it takes no more commands. */
  get lost(): boolean {
    return this.#qmp.failed;
  }

  execute(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    return this.#qmp.execute(command, args);
  }

  /** Ends the VMM at once. The guest isn't asked. */
  async kill(ending: VmExit = { reason: 'stopped', detail: 'stopped' }): Promise<void> {
    this.#ending ??= ending;
    await killProcess(this.identity.mark);
    await this.exited;
  }

  /** Lets the VMM go on without us. */
  abandon(): void {
    this.#abandoned = true;
    this.#qmp.close();
  }
  #abandoned = false;

  #onEvent(event: QmpEvent): void {
    if (event.event === 'SHUTDOWN' && event.data.guest === true)
      void this.#guestEnded(String(event.data.reason));
  }

  /** The VMM is paused, so that what the guest's kernel said last can still be read. */
  async #guestEnded(how: string): Promise<void> {
    if (this.#ending) return;
    const ending = { reason: 'guest' as const, detail: `the guest ended (${how})` };
    this.#ending = ending;
    try {
      const text = String(
        await this.execute('ringbuf-read', { device: 'console', size: 65536, format: 'utf8' }),
      );
      const panic = /Kernel panic[^\n]*/.exec(text)?.[0] ?? text.slice(-consoleTailChars).trim();
      if (panic !== '') this.#ending = { ...ending, detail: `${ending.detail}: ${panic.trim()}` };
    } catch {
      // The VMM has gone by itself; that the guest ended is all there is to say.
    }
    await killProcess(this.identity.mark);
  }

  async #watch(): Promise<VmExit> {
    await this.#qmp.closed;
    if (this.#abandoned) return new Promise(() => {});
    await killProcess(this.identity.mark);
    while (await isAlive(this.identity.mark)) await this.#clock.sleep(exitPollMs);
    const exit = this.#ending ?? (await this.#whyGone());
    this.#gone = true;
    return exit;
  }

  async #whyGone(): Promise<VmExit> {
    const status = await exitStatus(this.identity.dir, this.#clock);
    if ((await this.#cgroups.oomKills(this.identity.name)) > 0) {
      return { reason: 'oom', detail: 'the VM hit its memory limit on the host and was killed' };
    }
    const words = await logOf(this.identity.dir);
    const detail = `the VMM ended by itself (${status})${words && `: ${words}`}`;
    if (status.startsWith('signal')) return { reason: 'killed', detail: `the VMM was killed (${status})` };
    return { reason: 'crashed', detail };
  }
}

/** What the keeper left: `exit 1`, `signal 9`. */
async function exitStatus(dir: string, clock: Clock): Promise<string> {
  const deadline = clock.monotonic() + exitFileTimeoutMs;
  while (clock.monotonic() < deadline) {
    const text = await readFile(join(dir, 'exit'), 'utf8').catch(() => '');
    if (text !== '') return text.trim();
    await clock.sleep(exitPollMs);
  }
  return 'unknown';
}
