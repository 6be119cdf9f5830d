import { Backoff, type Clock, codeOf, isErrno, type Logger, messageOf } from '@kraud/base';
import type { Guest, GuestExit, GuestLogEntry, GuestLogs } from '../guest/guest.ts';
import type { ContainerLog } from './container-log.ts';

export interface PumpOptions {
  readonly guest: Guest;
  /** Tries to get the guest back once its connection was lost. */
  readonly reconnect: () => Promise<unknown>;
  readonly container: string;
  readonly serial: number;
  readonly log: ContainerLog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Stops pumping; the guest keeps what isn't acknowledged. */
  readonly signal: AbortSignal;
  readonly diskFullWaitMs: number;
  /** The guest doesn't keep to the protocol; nothing more is read of it. */
  readonly onBroken: (why: string) => void;
  /** Called when output has come, before it is written. */
  readonly onOutput?: () => void;
}

/**
 * Carries a container's output from the guest to its log until it exits, and answers how; undefined when the signal
 * stopped it first. A batch is acknowledged once it is written, so a daemon that dies here loses nothing, and
 * what comes twice is kept once. While the disk is full the program waits, as it would on a full pipe, but not for
 * ever: after `diskFullWaitMs` a batch is dropped, so that the program goes on and its exit can be told.
 */
export async function pump(options: PumpOptions): Promise<GuestExit | undefined> {
  const { guest, container, serial, log, clock, logger, signal, reconnect } = options;
  const backoff = new Backoff({ firstMs: 20, maxMs: 2000 });
  while (!signal.aborted) {
    try {
      const logs = await guest.logs(container, log.resumeOffset(serial), signal);
      const acks = new Acks(logs);
      for await (const entry of logs) {
        options.onOutput?.();
        await write(options, entry);
        acks.add(entry);
        backoff.reset();
      }
      acks.flush();
      logs.close();
      if (logs.exit) return logs.exit;
    } catch (error) {
      if (signal.aborted) return undefined;
      if (codeOf(error) === 'corrupt') {
        options.onBroken(messageOf(error));
        return undefined;
      }
      await clock.sleep(backoff.next(), signal).catch(() => {});
      if (signal.aborted) return undefined;
      // No guest to connect to: it goes, most often because it is told to; then its VM's exit ends this.
      if (codeOf(error) === 'unavailable' && !(await succeeds(reconnect()))) continue;
      logger.warn({ container, error: messageOf(error) }, 'the stream of output broke; it is opened again');
      continue;
    }
    await clock.sleep(backoff.next(), signal).catch(() => {});
  }
  return undefined;
}

function succeeds(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}

async function write(
  { serial, log, clock, logger, signal, container, diskFullWaitMs }: PumpOptions,
  entry: GuestLogEntry,
): Promise<void> {
  const backoff = new Backoff({ firstMs: 100, maxMs: 2000 });
  const sinceMs = clock.monotonic();
  for (let warned = false; ; ) {
    try {
      log.append(serial, [entry]);
      return;
    } catch (error) {
      if (!isErrno(error, 'ENOSPC', 'EDQUOT') || signal.aborted) throw error;
      if (!warned) logger.error({ container }, 'no room for output: the program waits');
      warned = true;
    }
    if (clock.monotonic() - sinceMs >= diskFullWaitMs) {
      logger.error({ container }, 'no room for output: some is dropped');
      return;
    }
    await clock.sleep(backoff.next(), signal);
  }
}

const ackBytes = 64 * 1024;

/** Tells the guest what is written: soon after a lull, and every `ackBytes` of a flood. */
class Acks {
  readonly #logs: GuestLogs;
  #acked = 0;
  #next = 0;
  #timer: NodeJS.Immediate | undefined;

  constructor(logs: GuestLogs) {
    this.#logs = logs;
  }

  add({ offset, data }: GuestLogEntry): void {
    this.#next = offset + data.length;
    if (this.#next - this.#acked >= ackBytes) this.flush();
    else this.#timer ??= setImmediate(() => this.flush());
  }

  flush(): void {
    clearImmediate(this.#timer);
    this.#timer = undefined;
    if (this.#next === this.#acked) return;
    this.#acked = this.#next;
    this.#logs.ack(this.#next);
  }
}
